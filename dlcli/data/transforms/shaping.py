"""Rows in another shape: `reshape` and `transpose`."""

from collections.abc import Iterable

from dlcli.data.dataset import Shape
from dlcli.data.fitted import Reshaped, Transposed
from dlcli.data.fitting import Misfit, TrainingRows, Transform
from dlcli.frozen import frozen


@frozen
class ReshapeRows(Transform):
    """The row's numbers in C order in another shape; one length may be -1."""

    fitted = Reshaped

    target_shape: tuple[int, ...]

    def shape_after(self, shape: Shape) -> Shape:
        size = _size(shape)
        known = _size(length for length in self.target_shape if length != -1)
        wild = self.target_shape.count(-1)
        if wild > 1 or known < 1 or any(length < -1 for length in self.target_shape):
            raise Misfit(f"target_shape {self.target_shape} must be positive, with one -1 at most.")
        if size % known or (not wild and known != size):
            raise Misfit(
                f"a row of shape {shape} has {size} numbers, which do not make the shape "
                f"{self.target_shape}."
            )
        return tuple(size // known if length == -1 else length for length in self.target_shape)

    def fit(self, rows: TrainingRows) -> Reshaped:
        kinds = {column.kind for column in rows.columns or ()}
        if "text" in kinds:
            raise Misfit("a row still has text columns; put one_hot before reshape.")
        after = self.shape_after(rows.shape)
        if "category" in kinds and after != rows.shape:
            raise Misfit(
                "a row has columns of ids, which the layer column_embeddings must find: put a "
                "layer `reshape` behind that one in place of this transform."
            )
        return Reshaped(rows.shape, after)


@frozen
class Transpose(Transform):
    """The axes of a row in another order, as Keras's Permute.

    dims: axis i of the result is axis dims[i] of the row, counted from 1 (the rows themselves do
        not count): [2, 3, 1] makes (channels, height, width) (height, width, channels).
    """

    fitted = Transposed

    dims: tuple[int, ...]

    def shape_after(self, shape: Shape) -> Shape:
        if sorted(self.dims) != list(range(1, len(shape) + 1)):
            raise Misfit(
                f"dims {list(self.dims)} must hold each of {', '.join(map(str, _axes(shape)))} "
                f"once, because a row of shape {shape} has {len(shape)} "
                f"{'axis' if len(shape) == 1 else 'axes'}."
            )
        return tuple(shape[axis - 1] for axis in self.dims)

    def fit(self, rows: TrainingRows) -> Transposed:
        self.shape_after(rows.shape)
        return Transposed(rows.shape, self.dims)


def _axes(shape: Shape) -> range:
    return range(1, len(shape) + 1)


def _size(lengths: Iterable[int]) -> int:
    size = 1
    for length in lengths:
        size *= length
    return size
