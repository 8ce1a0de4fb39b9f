"""Sources: where rows come from, by the name that the config gives them."""

from dlcli.data.sources.arrays import Npy, Npz
from dlcli.data.sources.base import Source
from dlcli.data.sources.delimited import Csv
from dlcli.data.sources.embedded import BreastCancer, Digits
from dlcli.data.sources.friedman1 import Friedman1
from dlcli.data.sources.image_folder import ImageFolder
from dlcli.data.sources.images import Idx, Mnist
from dlcli.data.sources.jsonl import Jsonl
from dlcli.data.sources.named_arrays import NamedArrays
from dlcli.data.sources.parquet import Parquet

SOURCES: dict[str, type[Source]] = {
    "digits": Digits,
    "breast_cancer": BreastCancer,
    "friedman1": Friedman1,
    "mnist": Mnist,
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
    "Csv",
    "Digits",
    "Friedman1",
    "Idx",
    "ImageFolder",
    "Jsonl",
    "Mnist",
    "NamedArrays",
    "Npy",
    "Npz",
    "Parquet",
    "Source",
]
