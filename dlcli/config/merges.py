"""Layers of several inputs. A new one is a class here and its name in the union below."""

from typing import Annotated, Any, ClassVar, Literal, get_args

from dlcli.config.layer_sections import LayerModel, LayerName
from dlcli.config.values import Checked, Listing, Switch, wrong_value
from dlcli.config.wording import instead


class MergeLayer(LayerModel):
    """A layer of several inputs.

    inputs: the names of the layers, or of the values of the data, that it reads.

    in_branches: whether `branches` may bring its branches together by it.
    """

    in_branches: ClassVar[bool] = True

    inputs: Annotated[tuple[LayerName, ...], Listing(most=100, least=2)]


class Add(MergeLayer):
    type: Literal["add"] = "add"


class Average(MergeLayer):
    type: Literal["average"] = "average"


class Concatenate(MergeLayer):
    type: Literal["concatenate"] = "concatenate"


class Maximum(MergeLayer):
    type: Literal["maximum"] = "maximum"


class Multiply(MergeLayer):
    type: Literal["multiply"] = "multiply"


class Subtract(MergeLayer):
    type: Literal["subtract"] = "subtract"
    in_branches = False


class _Axes(Checked):
    """One axis for both inputs or a pair; becomes the pair."""

    def __call__(self, value: Any) -> tuple[int, int]:
        pair = [value, value] if isinstance(value, int) else value
        what = "must be an axis of the rows (1 is the first, -1 the last), or a pair of such"
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise wrong_value(f"{what}{instead(value)}")
        for axis in pair:
            whole = isinstance(axis, int) and not isinstance(axis, bool)
            if not whole or axis == 0 or abs(axis) > 8:
                raise wrong_value(f"{what}{instead(axis)}")
        return pair[0], pair[1]

    def json_schema(self) -> dict[str, Any]:
        axis = {"type": "integer", "minimum": -8, "maximum": 8}
        return {"anyOf": [axis, {"type": "array", "items": axis, "minItems": 2, "maxItems": 2}]}


class Dot(MergeLayer):
    type: Literal["dot"] = "dot"
    in_branches = False
    axes: Annotated[tuple[int, int], _Axes()] = (-1, -1)
    normalize: Annotated[bool, Switch()] = False


Merges = Add | Average | Concatenate | Dot | Maximum | Multiply | Subtract

IN_BRANCHES = tuple(
    merge.model_fields["type"].default for merge in get_args(Merges) if merge.in_branches
)
