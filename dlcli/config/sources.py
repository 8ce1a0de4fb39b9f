"""Where rows come from."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from dlcli.config import synonyms
from dlcli.config.base import Component, Section, table
from dlcli.config.source_sections import FileName, Name, PositiveClass, SourceModel
from dlcli.config.tables import Csv, Delimiter, Jsonl, Kinds, MissingTarget, Parquet
from dlcli.config.values import Choice, Real, Sizes, Switch, Text, Whole, wrong, wrong_value


def _both(source: Section, first: str, second: str) -> None:
    """Two files that only make sense together."""
    for given, other in ((first, second), (second, first)):
        if getattr(source, given) is not None and getattr(source, other) is None:
            raise wrong(f"`{given}` needs `{other}` beside it", given)


class Digits(SourceModel):
    """1,797 images of 8 x 8 pixels, ten classes; comes with dlcli."""

    type: Literal["digits"] = "digits"


class BreastCancer(SourceModel):
    """569 rows of 30 features, two classes; comes with dlcli."""

    type: Literal["breast_cancer"] = "breast_cancer"
    positive_class: PositiveClass = None


class Iris(SourceModel):
    """150 rows of 4 features, three classes; comes with dlcli."""

    type: Literal["iris"] = "iris"


class Friedman1(SourceModel):
    """A generated regression task; features beyond the fifth are noise.

    samples: how many rows.
    noise: how large the noise of the target is.
    features: how many columns.
    """

    type: Literal["friedman1"] = "friedman1"
    samples: Annotated[int, Whole(2, 10_000_000)] = 2000
    noise: Annotated[float, Real(0.0, 1e6)] = 1.0
    features: Annotated[int, Whole(5, 10_000)] = 10


class Mnist(SourceModel):
    """70,000 images of 28 x 28 pixels, ten classes, with a test part."""

    type: Literal["mnist"] = "mnist"

    def brings_test(self) -> bool:
        return True


class FashionMnist(SourceModel):
    """70,000 images of 28 x 28 pixels, ten classes of clothing, with a test part."""

    type: Literal["fashion_mnist"] = "fashion_mnist"

    def brings_test(self) -> bool:
        return True


class Cifar10(SourceModel):
    """60,000 images of 32 x 32 pixels in colour, ten classes, with a test part."""

    type: Literal["cifar10"] = "cifar10"

    def brings_test(self) -> bool:
        return True


class Cifar100(SourceModel):
    """60,000 images of 32 x 32 pixels in colour, with a test part.

    label_mode: fine: 100 classes; coarse: the 20 groups of them.
    """

    type: Literal["cifar100"] = "cifar100"
    label_mode: Annotated[Literal["fine", "coarse"], Choice(("fine", "coarse"))] = "fine"

    def brings_test(self) -> bool:
        return True


class CaliforniaHousing(SourceModel):
    """20,640 rows of 8 features; the target is a house value in 100,000 dollars."""

    type: Literal["california_housing"] = "california_housing"


_Side = Annotated[Literal["pre", "post"], Choice(("pre", "post"))]


class _WordIds(SourceModel):
    """Texts as rows of ids: 0 fills up, 1 begins a text, 2 is a word left out.

    num_words: ids from this one on are left out. skip_top: ids below this one are left out.
    maxlen: how long rows are.
    padding: the side that short ones are filled up on.
    truncating: the side that long ones are cut off on.
    """

    type: str
    num_words: Annotated[int, Whole(5, 10_000_000)] | None = None
    skip_top: Annotated[int, Whole(0, 10_000_000)] = 0
    maxlen: Annotated[int, Whole(1, 100_000)] = 200
    padding: _Side = "pre"
    truncating: _Side = "pre"

    def brings_test(self) -> bool:
        return True

    @model_validator(mode="after")
    def _keeps_words(self) -> Self:
        if self.num_words is not None and self.skip_top >= self.num_words:
            raise wrong(
                f"`skip_top` must be below `num_words` ({self.num_words}), or no word is kept",
                "skip_top",
            )
        return self


class Imdb(_WordIds):
    """50,000 film reviews as rows of ids, two classes, with a test part."""

    type: Literal["imdb"] = "imdb"
    positive_class: PositiveClass = None


class Reuters(_WordIds):
    """11,228 newswires as rows of ids, 46 classes, with a test part."""

    type: Literal["reuters"] = "reuters"


class Idx(SourceModel):
    """Files of the format that MNIST is published in.

    images: the file of the images. labels: the file of their classes.
    test_images: the file of the test part's images. test_labels: the file of their classes.
    """

    type: Literal["idx"] = "idx"
    images: FileName
    labels: FileName
    test_images: FileName | None = None
    test_labels: FileName | None = None
    positive_class: PositiveClass = None

    def brings_test(self) -> bool:
        return self.test_images is not None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        _both(self, "test_images", "test_labels")
        return self


class Npy(SourceModel):
    """Two .npy files, features and target, row by row.

    features: the file of the rows. target: the file of what is learned.
    test_features: the file of the test part's rows. test_target: the file of their target.
    """

    type: Literal["npy"] = "npy"
    features: FileName
    target: FileName
    test_features: FileName | None = None
    test_target: FileName | None = None
    positive_class: PositiveClass = None

    def brings_test(self) -> bool:
        return self.test_features is not None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        _both(self, "test_features", "test_target")
        return self


class _ArrayName(Text):
    """The name of an array of an archive."""

    def __call__(self, value: Any) -> str:
        if isinstance(value, list | tuple | dict):
            raise wrong_value(
                f"must be {self.what} (arrays that make up a row together are named by "
                "`data.inputs`: {NAME: {array: ...}, ...})"
            )
        return super().__call__(value)


ArrayName = Annotated[str, _ArrayName("the name of an array")]
NPZ_PAIRS = (
    ("features", "target"),
    ("validation_features", "validation_target"),
    ("test_features", "test_target"),
)
"""Options of npz that belong together, unless the features are named among `data.inputs`."""


class Npz(SourceModel):
    """An archive with `x` and `y`, or `x_train`, `y_train` and optional other parts.

    path: the archive, looked for beside the YAML and in the data dir.
    features: the array of the rows, where it has another name.
    target: the array of what is learned, where it has another name.
    validation_features, validation_target: these arrays of the validation part.
    test_features, test_target: these arrays of the test part.
    weight: the array that says how much each row counts in the loss.
    validation_weight, test_weight: the arrays of the weights of the other parts.
    """

    type: Literal["npz"] = "npz"
    path: FileName
    features: ArrayName | None = None
    target: ArrayName | None = None
    validation_features: ArrayName | None = None
    validation_target: ArrayName | None = None
    test_features: ArrayName | None = None
    test_target: ArrayName | None = None
    weight: ArrayName | None = None
    validation_weight: ArrayName | None = None
    test_weight: ArrayName | None = None
    positive_class: PositiveClass = None

    def brings_test(self) -> bool | None:
        return None if self.target is None else self.test_target is not None

    def brings_validation(self) -> bool | None:
        return None if self.target is None else self.validation_target is not None

    @model_validator(mode="after")
    def _features_have_targets(self) -> Self:
        for first, second in NPZ_PAIRS:
            if getattr(self, first) is not None and getattr(self, second) is None:
                raise wrong(f"`{first}` needs `{second}` beside it", first)
            if getattr(self, first) is not None and self.features is None:
                raise wrong(f"`{first}` needs `features` beside it", first)
        for part in ("validation", "test"):
            if getattr(self, f"{part}_weight") is not None and self.weight is None:
                raise wrong(f"`{part}_weight` needs `weight` beside it", f"{part}_weight")
        return self


_COLORS = ("grayscale", "rgb", "rgba")
_FILTERS = ("nearest", "bilinear", "bicubic", "lanczos", "area")


class ImageFolder(SourceModel):
    """Pictures in a folder, with a subfolder for each class; needs the extra `images`.

    path: the folder.
    labels: a CSV file of the columns `file_column` and `label_column`, instead of subfolders.
    file_column: the column of the names of pictures, as seen from the folder.
    label_column: the column to learn.
    delimiter: between the cells of that file.
    kinds: what its columns hold: text, number, date or a format of dates.
    missing_target: drop leaves out the rows whose label is missing.
    """

    type: Literal["image_folder"] = "image_folder"
    path: FileName
    image_size: Annotated[tuple[int, int], Sizes(high=4096)] | None = None
    color_mode: Annotated[
        Literal["grayscale", "rgb", "rgba"], Choice(_COLORS, aliases={"greyscale": "grayscale"})
    ] = "rgb"
    interpolation: Annotated[
        Literal["nearest", "bilinear", "bicubic", "lanczos", "area"], Choice(_FILTERS)
    ] = "bilinear"
    crop_to_aspect_ratio: Annotated[bool, Switch()] = False
    pad_to_aspect_ratio: Annotated[bool, Switch()] = False
    labels: FileName | None = None
    file_column: Name = "file"
    label_column: Name = "label"
    errors: Annotated[Literal["stop", "skip"], Choice(("stop", "skip"))] = "stop"
    delimiter: Delimiter = ","
    kinds: Kinds = Field(default_factory=dict)
    missing_target: MissingTarget = "error"
    positive_class: PositiveClass = None

    def brings_test(self) -> bool | None:
        return False if self.labels is not None else None

    def brings_validation(self) -> bool | None:
        return False if self.labels is not None else None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            words = "`crop_to_aspect_ratio` and `pad_to_aspect_ratio` cannot both be true"
            raise wrong(words, "pad_to_aspect_ratio")
        for key in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"):
            if getattr(self, key) and self.image_size is None:
                raise wrong(f"`{key}` needs `image_size`, the size to bring pictures to", key)
        if self.file_column == self.label_column:
            raise wrong(
                "`file_column` and `label_column` cannot be the same column", "label_column"
            )
        for key in ("file_column", "label_column", "delimiter", "kinds", "missing_target"):
            usual = type(self).model_fields[key].get_default(call_default_factory=True)
            if self.labels is None and getattr(self, key) != usual:
                raise wrong(f"`{key}` needs `labels`, the CSV file that it is about", key)
        return self


Source = Annotated[
    Digits
    | BreastCancer
    | Iris
    | Friedman1
    | Mnist
    | FashionMnist
    | Cifar10
    | Cifar100
    | CaliforniaHousing
    | Imdb
    | Reuters
    | Idx
    | Csv
    | Jsonl
    | Parquet
    | Npy
    | Npz
    | ImageFolder,
    Component("data source", words=synonyms.SOURCES),
]
SOURCE_CONFIGS: dict[str, type[SourceModel]] = table(Source)
