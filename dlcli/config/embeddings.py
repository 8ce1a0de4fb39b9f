"""Layers over ids, and the mask over steps."""

from typing import Annotated, Any, Literal

from pydantic import Field

from dlcli.config.base import Section
from dlcli.config.initializers import Initializer, RandomUniform
from dlcli.config.layer_sections import OneInput
from dlcli.config.regularizers import Regularizer
from dlcli.config.values import ByName, Checked, Listing, Real, Switch, Text, Whole, wrong_value
from dlcli.config.wording import instead


class Embedding(OneInput):
    """Ids, whole numbers from 0 to `input_dim` - 1, become vectors that are learned.

    input_dim: how many ids there are.
    output_dim: how long the vectors are.
    mask_zero: whether the id 0 stands for no step, so that later layers leave it out.
    """

    type: Literal["embedding"] = "embedding"
    input_dim: Annotated[int, Whole(1, 1 << 24)]
    output_dim: Annotated[int, Whole(1, 65_536)]
    embeddings_initializer: Initializer = RandomUniform()
    embeddings_regularizer: Regularizer | None = None
    mask_zero: Annotated[bool, Switch()] = False


class Masking(OneInput):
    """Steps of which all features equal `mask_value` are masked.

    mask_value: the number that stands for no step.
    """

    type: Literal["masking"] = "masking"
    mask_value: Annotated[float, Real(-1e6, 1e6)] = 0.0


_Width = Whole(1, 65_536)


class ColumnEmbeddings(OneInput):
    """A vector in place of each id that the transform `category` made.

    output_dim: how long the vectors of a column are, by its name.
    default_output_dim: how long those of all other columns are.
    """

    type: Literal["column_embeddings"] = "column_embeddings"
    output_dim: Annotated[dict[str, int], ByName(Text("the name of a column", 1000), _Width)] = (
        Field(default_factory=dict)
    )
    default_output_dim: Annotated[int, _Width] | None = None
    embeddings_initializer: Initializer = RandomUniform()
    embeddings_regularizer: Regularizer | None = None


class _IdColumn(Checked):
    """Position, number of ids and length of a vector."""

    def __call__(self, value: Any) -> tuple[int, int, int]:
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise wrong_value(f"must be a list of three whole numbers{instead(value)}")
        position, ids, dim = value
        return Whole(0, 2**31)(position), Whole(1, 2**24 - 1)(ids), _Width(dim)


class EmbeddedColumns(Section):
    """What a deployed network says of `column_embeddings`: the columns as training found them."""

    type: Literal["column_embeddings"] = "column_embeddings"
    columns: Annotated[
        tuple[Annotated[tuple[int, int, int], _IdColumn()], ...], Listing(most=100_000, least=1)
    ]
    embeddings_initializer: Initializer = RandomUniform()
    embeddings_regularizer: Regularizer | None = None
