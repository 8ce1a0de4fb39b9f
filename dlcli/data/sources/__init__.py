"""Sources: where rows come from, by the name that the config gives them."""

from dlcli.data.sources.arrays import Npy, Npz
from dlcli.data.sources.base import Source
from dlcli.data.sources.california_housing import CaliforniaHousing
from dlcli.data.sources.cifar import Cifar10, Cifar100
from dlcli.data.sources.delimited import Csv
from dlcli.data.sources.embedded import BreastCancer, Digits, Iris
from dlcli.data.sources.friedman1 import Friedman1
from dlcli.data.sources.image_folder import ImageFolder
from dlcli.data.sources.images import FashionMnist, Idx, Mnist
from dlcli.data.sources.jsonl import Jsonl
from dlcli.data.sources.named_arrays import NamedArrays
from dlcli.data.sources.parquet import Parquet
from dlcli.data.sources.word_ids import Imdb, Reuters

SOURCES: dict[str, type[Source]] = {
    "digits": Digits,
    "breast_cancer": BreastCancer,
    "iris": Iris,
    "friedman1": Friedman1,
    "mnist": Mnist,
    "fashion_mnist": FashionMnist,
    "cifar10": Cifar10,
    "cifar100": Cifar100,
    "california_housing": CaliforniaHousing,
    "imdb": Imdb,
    "reuters": Reuters,
    "idx": Idx,
    "csv": Csv,
    "jsonl": Jsonl,
    "parquet": Parquet,
    "npy": Npy,
    "npz": Npz,
    "image_folder": ImageFolder,
}

__all__ = [
    "SOURCES",
    "BreastCancer",
    "CaliforniaHousing",
    "Cifar10",
    "Cifar100",
    "Csv",
    "Digits",
    "FashionMnist",
    "Friedman1",
    "Idx",
    "ImageFolder",
    "Imdb",
    "Iris",
    "Jsonl",
    "Mnist",
    "NamedArrays",
    "Npy",
    "Npz",
    "Parquet",
    "Reuters",
    "Source",
]
