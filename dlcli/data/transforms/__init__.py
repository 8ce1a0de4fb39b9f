"""What is done to features before a network sees them, as choices.

A Transform is a frozen dataclass of choices. `fit` looks at the training rows, as the transforms
before it left them, and returns a Fitted step, which holds what was learned as plain arrays.

Numbers are computed in float32 when the stored rows are float32 or integers of at most 16 bits,
else in float64; statistics are always float64 sums in index order. A column of text holds codes
until one_hot or category turns it into numbers, and every other transform leaves it as it is.
"""

from dlcli.data.fitting import Transform
from dlcli.data.transforms.binning import Discretize
from dlcli.data.transforms.curves import Clip, Log1p, Quantile
from dlcli.data.transforms.dates import TakeDatesApart
from dlcli.data.transforms.encoders import Category, OneHot
from dlcli.data.transforms.hashing import Hash
from dlcli.data.transforms.imputing import Impute
from dlcli.data.transforms.ordinal import Ordinal
from dlcli.data.transforms.resizing import CenterCrop, Resizing
from dlcli.data.transforms.scaling import MinMax, Rescale, Robust, Standardize
from dlcli.data.transforms.shaping import ReshapeRows, Transpose

__all__ = [
    "TRANSFORMS",
    "Category",
    "CenterCrop",
    "Clip",
    "Discretize",
    "Hash",
    "Impute",
    "Log1p",
    "MinMax",
    "OneHot",
    "Ordinal",
    "Quantile",
    "Rescale",
    "ReshapeRows",
    "Resizing",
    "Robust",
    "Standardize",
    "TakeDatesApart",
    "Transpose",
]

TRANSFORMS: dict[str, type[Transform]] = {
    "rescale": Rescale,
    "standardize": Standardize,
    "min_max": MinMax,
    "robust": Robust,
    "quantile": Quantile,
    "clip": Clip,
    "log1p": Log1p,
    "discretize": Discretize,
    "impute": Impute,
    "date_parts": TakeDatesApart,
    "ordinal": Ordinal,
    "one_hot": OneHot,
    "category": Category,
    "hash": Hash,
    "reshape": ReshapeRows,
    "transpose": Transpose,
    "resizing": Resizing,
    "center_crop": CenterCrop,
}
