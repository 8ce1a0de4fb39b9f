"""The known data sets, as plain data: the files of each, with their addresses, sizes and digests.

Digests and sizes are those that others publish for the files at these addresses:

    TFDS     tensorflow/datasets, tensorflow_datasets/url_checksums/<set>.txt
    Keras    keras-team/keras, keras/src/datasets/<set>.py; the sizes as its downloads report them
    sklearn  scikit-learn/scikit-learn, sklearn/datasets/_california_housing.py

Where there is a choice of archives, the one that is no pickle is taken: the binary ones of CIFAR.
Of the California houses it is the archive that scikit-learn reads: the text as it was published,
with a word on which column is which, which an .npz of two arrays does not have. The arrays of lists
in Keras's imdb.npz and reuters.npz are pickles; they are read as data and never run: see
formats/ragged.py.
"""

from collections.abc import Mapping

from dlcli.data.dataset import Role
from dlcli.frozen import frozen


@frozen
class RemoteFile:
    """One file of a data set, as it is published.

    size: its bytes; for a file of which no size is published, 0, and `most` bounds it.
    sha256: of the file as it is at the address; empty where none is published: then the digest of
        its uncompressed content is pinned when it is first used.
    """

    name: str
    address: str
    size: int
    sha256: str = ""
    most: int = 0

    @property
    def limit(self) -> int:
        """The bytes beyond which nothing is read."""
        return self.size or self.most


@frozen
class KnownSet:
    """A data set that is fetched by its name.

    title: what messages call it. about: its rows and targets, in a few words.
    published: where its digests are.
    unpacked: whether its files may lie there without their .gz.
    """

    name: str
    title: str
    about: str
    rows: Mapping[Role, int]
    files: tuple[RemoteFile, ...]
    published: str
    unpacked: bool = False

    @property
    def size(self) -> int:
        """The bytes of all files, as far as they are published."""
        return sum(file.size for file in self.files)


def _idx(base: str, *files: tuple[str, int, str]) -> tuple[RemoteFile, ...]:
    return tuple(RemoteFile(name, base + name, size, sha) for name, size, sha in files)


_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

KNOWN: dict[str, KnownSet] = {
    "mnist": KnownSet(
        "mnist",
        "MNIST",
        "28x28x1, 10 classes",
        {"train": 60_000, "test": 10_000},
        _idx(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            (
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            (
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            (
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        "TFDS url_checksums/mnist.txt",
        unpacked=True,
    ),
    # TFDS names the authors' own address, which has no https; Keras's mirror has the same files.
    "fashion_mnist": KnownSet(
        "fashion_mnist",
        "Fashion-MNIST",
        "28x28x1, 10 classes",
        {"train": 60_000, "test": 10_000},
        _idx(
            _KERAS,
            (
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            (
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            (
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            (
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
        "TFDS url_checksums/fashion_mnist.txt",
        unpacked=True,
    ),
    "cifar10": KnownSet(
        "cifar10",
        "CIFAR-10",
        "32x32x3, 10 classes",
        {"train": 50_000, "test": 10_000},
        (
            RemoteFile(
                "cifar-10-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        "TFDS url_checksums/cifar10.txt",
    ),
    "cifar100": KnownSet(
        "cifar100",
        "CIFAR-100",
        "32x32x3, 100 classes",
        {"train": 50_000, "test": 10_000},
        (
            RemoteFile(
                "cifar-100-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                168_513_733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
        "TFDS url_checksums/cifar100.txt",
    ),
    # scikit-learn publishes a digest and no size, so the size is only bounded.
    "california_housing": KnownSet(
        "california_housing",
        "California Housing",
        "8 columns, a number",
        {"all": 20_640},
        (
            RemoteFile(
                "cal_housing.tgz",
                "https://ndownloader.figshare.com/files/5976036",
                0,
                "aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
                most=1_000_000,
            ),
        ),
        "scikit-learn datasets/_california_housing.py",
    ),
    "imdb": KnownSet(
        "imdb",
        "IMDB",
        "word ids, 2 classes",
        {"train": 25_000, "test": 25_000},
        (
            RemoteFile(
                "imdb.npz",
                f"{_KERAS}imdb.npz",
                17_464_789,
                "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
            ),
        ),
        "Keras datasets/imdb.py",
    ),
    "reuters": KnownSet(
        "reuters",
        "Reuters",
        "word ids, 46 classes",
        {"train": 8_982, "test": 2_246},
        (
            RemoteFile(
                "reuters.npz",
                f"{_KERAS}reuters.npz",
                2_110_848,
                "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
            ),
        ),
        "Keras datasets/reuters.py",
    ),
}
"""By the name that the config gives it."""
