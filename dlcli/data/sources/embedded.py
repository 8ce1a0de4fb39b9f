"""The three data sets that travel with the package; see embedded/ATTRIBUTION.md."""

import gzip
from importlib import resources

import numpy as np

from dlcli.data.dataset import Column, Declared, Raw, Table
from dlcli.data.places import Places
from dlcli.data.sources.base import Source
from dlcli.frozen import frozen

_MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave_points",
    "symmetry",
    "fractal_dimension",
)
_CELL_COLUMNS = tuple(
    Column(name)
    for name in (
        *(f"mean_{measure}" for measure in _MEASURES),
        *(f"{measure}_error" for measure in _MEASURES),
        *(f"worst_{measure}" for measure in _MEASURES),
    )
)
_DIGITS = tuple("0123456789")
_SPECIES = ("setosa", "versicolor", "virginica")
_FLOWER_COLUMNS = tuple(
    Column(name) for name in ("sepal_length", "sepal_width", "petal_length", "petal_width")
)
_DIAGNOSES = ("benign", "malignant")


def _lines(name: str) -> list[str]:
    packed = resources.files("dlcli.data").joinpath("embedded", name).read_bytes()
    return gzip.decompress(packed).decode("ascii").splitlines()


@frozen
class Digits(Source):
    """Handwritten digits: 1,797 images of 8x8x1 uint8 with values 0 to 16, ten classes.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
    """

    def load(self, places: Places, seed: int) -> Raw:
        rows = np.loadtxt(_lines("digits.csv.gz"), np.uint8, delimiter=",", skiprows=1)
        images = np.ascontiguousarray(rows[:, :64]).reshape(-1, 8, 8, 1)
        return Raw({"all": Table(images, rows[:, 64].astype(np.int64))}, _DIGITS)

    def declare(self, places: Places) -> Declared:
        return Declared((8, 8, 1), {"all": 1797}, 10, _DIGITS, "classes")


@frozen
class BreastCancer(Source):
    """Breast Cancer Wisconsin (Diagnostic): 569 rows of 30 float64 columns, two classes.

    Classes are numbered in sorted order, so the positive (second) one is "malignant" unless
    `positive_class` names the other.
    Source: W. Wolberg, O. Mangasarian, N. Street, W. Street, UCI, 1993.
    """

    positive_class: str | None = None

    def load(self, places: Places, seed: int) -> Raw:
        lines = _lines("breast_cancer.csv.gz")
        numbers = np.loadtxt(lines, np.float64, delimiter=",", skiprows=1, usecols=range(30))
        diagnoses = [_DIAGNOSES.index(line.rsplit(",", 1)[1]) for line in lines[1:]]
        table = Table(numbers, np.array(diagnoses, np.int64))
        return Raw({"all": table}, _DIAGNOSES, _CELL_COLUMNS)

    def declare(self, places: Places) -> Declared:
        return Declared((30,), {"all": 569}, 2, _DIAGNOSES, "classes", _CELL_COLUMNS)


@frozen
class Iris(Source):
    """Iris: 150 rows of 4 float64 columns (centimetres), three classes of 50 rows.

    The values are those of Fisher's paper, as scikit-learn and R have them; the copy at UCI differs
    in two rows.
    Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
    Eugenics 7 (1936) 179-188.
    """

    def load(self, places: Places, seed: int) -> Raw:
        lines = _lines("iris.csv.gz")
        numbers = np.loadtxt(lines, np.float64, delimiter=",", skiprows=1, usecols=range(4))
        species = [_SPECIES.index(line.rsplit(",", 1)[1]) for line in lines[1:]]
        table = Table(numbers, np.array(species, np.int64))
        return Raw({"all": table}, _SPECIES, _FLOWER_COLUMNS)

    def declare(self, places: Places) -> Declared:
        return Declared((4,), {"all": 150}, 3, _SPECIES, "classes", _FLOWER_COLUMNS)
