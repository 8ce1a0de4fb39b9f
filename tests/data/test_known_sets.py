"""Every known set through a small stand-in: fetched from a server, read, and what is in it."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from dlcli import progress
from dlcli.config.sources import SOURCE_CONFIGS
from dlcli.data import Places, digests, storing
from dlcli.data.dataset import Array, Raw
from dlcli.data.downloads import decoded, transfer
from dlcli.data.downloads.files import PINS
from dlcli.data.downloads.known import KNOWN
from dlcli.data.formats import tarred
from dlcli.data.mapped import mapped_files
from dlcli.data.sources import SOURCES, Cifar100, Imdb, Iris, Reuters
from dlcli.data.sources.known import KnownSource
from dlcli.data.sources.legacy_shuffle import LegacyShuffle
from dlcli.errors import DataError, StorageError
from tests.cli.calls import Call, dlcli, refused
from tests.data.conftest import idx_bytes
from tests.data.faulty_server import Served, serving
from tests.data.stand_ins import StandIn, npy, npz, pickled, stand_in, tar_gz

Serve = Callable[[str], StandIn]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serving() as served:
        monkeypatch.setenv("DLCLI_OFFLINE", "0")
        monkeypatch.setenv("DLCLI_DATA_MIRROR", served.base)
        for word in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(word, raising=False)
        monkeypatch.setattr(transfer, "PATIENCE", transfer.Patience(tries=1, pause=0.0))
        yield served


@pytest.fixture
def serve(served: Served, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Puts a stand-in on the server, and its row into the registry."""

    def put(name: str) -> StandIn:
        made = stand_in(name)
        served.files |= {f"/{name}/{file}": content for file, content in made.files.items()}
        register(made, monkeypatch)
        return made

    return put


def register(made: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KNOWN, made.known.name, made.known)
    if made.known.name == "mnist":
        known = {
            name.removesuffix(".gz"): hashlib.sha256(gzip.decompress(content)).hexdigest()
            for name, content in made.files.items()
        }
        monkeypatch.setattr("dlcli.data.sources.images._MNIST", known)


def placed(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A stand-in whose files somebody has put into the data dir."""
    made = stand_in(name)
    register(made, monkeypatch)
    (data / name).mkdir()
    for file, content in made.files.items():
        (data / name / file).write_bytes(content)
    return made


def expected_ids(
    lists: list[list[int]],
    rows: list[int],
    num_words: int | None,
    skip_top: int,
    maxlen: int,
    padding: str,
    truncating: str,
) -> list[list[int]]:
    """Rows as Keras's load_data and pad_sequences make them, word by word."""
    found = []
    for row in rows:
        ids = [1] + [word + 3 for word in lists[row]]
        most = num_words or 10**9
        ids = [word if skip_top <= word < most else 2 for word in ids]
        if len(ids) > maxlen:
            ids = ids[-maxlen:] if truncating == "pre" else ids[:maxlen]
        fill = [0] * (maxlen - len(ids))
        found.append(fill + ids if padding == "pre" else ids + fill)
    return found  # fmt: skip


def order(*counts: int) -> list[list[int]]:
    """The orders that Keras's load_data shuffles parts into."""
    draws, orders = np.random.RandomState(113), []
    for count in counts:
        indices = np.arange(count)
        draws.shuffle(indices)
        orders.append(indices.tolist())
    return orders


def test_the_orders_are_those_of_numpys_legacy_generator() -> None:
    for seed in (0, 1, 113, 2**32 - 1):
        ours, theirs = LegacyShuffle(seed), np.random.RandomState(seed)
        for count in (0, 1, 2, 3, 25, 1000, 11_228):
            assert ours.permutation(count).tolist() == theirs.permutation(count).tolist()


def check_images(raw: Raw, made: StandIn, labels: str = "labels") -> None:
    for role in ("train", "test"):
        table = raw.parts[role]  # type: ignore[index]
        assert (table.features == made.arrays[f"{role}_images"]).all()
        assert table.features.dtype == np.uint8
        assert (table.targets == made.arrays[f"{role}_{labels}"]).all()
        assert table.targets.dtype == np.int64


def check_words(raw: Raw, made: StandIn) -> None:
    if "all" in made.lists:
        (every,) = order(len(made.lists["all"]))
        cut = made.known.rows["train"]
        wanted = {"train": ("all", every[:cut]), "test": ("all", every[cut:])}
    else:
        train, test = order(len(made.lists["train"]), len(made.lists["test"]))
        wanted = {"train": ("train", train), "test": ("test", test)}
    for role, (name, rows) in wanted.items():
        table = raw.parts[role]  # type: ignore[index]
        ids = expected_ids(made.lists[name], rows, None, 0, 200, "pre", "pre")
        assert table.features.tolist() == ids and table.features.dtype == np.int32
        labels = made.arrays["labels" if name == "all" else f"{name}_labels"]
        assert table.targets.tolist() == labels[rows].tolist()


def check_housing(raw: Raw, made: StandIn) -> None:
    table = raw.parts["all"]
    assert (table.features == made.arrays["features"]).all()
    assert (table.targets == made.arrays["target"]).all()


CHECKS: dict[str, Callable[[Raw, StandIn], None]] = {
    "mnist": check_images,
    "fashion_mnist": check_images,
    "cifar10": check_images,
    "cifar100": check_images,
    "california_housing": check_housing,
    "imdb": check_words,
    "reuters": check_words,
}


def test_every_known_set_is_a_source_and_has_its_digests() -> None:
    sources = {name for name, kind in SOURCES.items() if issubclass(kind, KnownSource)}
    assert sources == set(KNOWN) == set(CHECKS)
    for name, known in KNOWN.items():
        assert known.name == name and known.files and known.published
        assert SOURCE_CONFIGS[name]().brings_test() == ("test" in known.rows)
        for file in known.files:
            assert file.address.startswith("https://") and len(file.sha256) == 64
            assert file.limit > 0 and set(file.sha256) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", CHECKS)
def test_a_set_is_fetched_and_read(name: str, serve: Serve, served: Served, tmp_path: Path) -> None:
    made, told = serve(name), list[str]()
    source, places = SOURCES[name](), Places(tmp_path)
    declared = source.declare(places)
    assert len(declared.absent) == 1 and served.asked == []
    with progress.shown_by(lambda *_: None, told.append):
        raw = source.load(places, 0)
    assert len(told) == 1 and str(tmp_path / name) in told[0] and "is fetched into" in told[0]
    CHECKS[name](raw, made)
    assert declared.class_names == raw.classes and declared.columns == raw.columns
    assert declared.rows == {role: len(table) for role, table in raw.parts.items()}
    assert all(t.features.shape[1:] == declared.row_shape for t in raw.parts.values())
    assert len(served.asked) == len(made.files)
    for file, content in made.files.items():
        assert (tmp_path / name / file).read_bytes() == content
    assert source.declare(places).absent == ()
    again = source.load(places, 0)
    assert digests(again) == digests(raw) and len(served.asked) == len(made.files)


@pytest.mark.parametrize("name", CHECKS)
def test_every_file_cut_at_every_tenth_is_finished_by_the_next_call(
    name: str, serve: Serve, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = serve(name)
    # A call gives up at once, also where much came: usually it would go on by itself.
    monkeypatch.setattr(transfer, "PATIENCE", transfer.Patience(tries=0))
    for tenth in range(1, 10):
        served.does.cut_tenth, served.sent = tenth, 0
        data, source = tmp_path / str(tenth), SOURCES[name]()
        for file in made.known.files:  # each call finishes a file, and is cut in the next one
            with pytest.raises(DataError, match="broke off after"):
                source.load(Places(data), 0)
            part = data / name / f"{file.name}.part"
            assert part.stat().st_size == len(made.files[file.name]) * tenth // 10
            assert not (data / name / file.name).exists()
        CHECKS[name](source.load(Places(data), 0), made)
        assert served.sent == sum(map(len, made.files.values()))
        for file_name, content in made.files.items():
            assert (data / name / file_name).read_bytes() == content


@pytest.mark.parametrize("name", CHECKS)
def test_wrong_bytes_of_the_right_length_never_stay(
    name: str, serve: Serve, served: Served, tmp_path: Path
) -> None:
    made = serve(name)
    path, content = list(served.files.items())[-1]
    served.files[path] = content[:-1] + bytes([content[-1] ^ 1])
    for _ in range(2):
        with pytest.raises(DataError, match="what came was removed"):
            SOURCES[name]().load(Places(tmp_path), 0)
        assert not list((tmp_path / name).glob(path.rpartition("/")[2] + "*"))
    served.files[path] = content
    CHECKS[name](SOURCES[name]().load(Places(tmp_path), 0), made)


@pytest.mark.parametrize("name", CHECKS)
def test_files_placed_by_hand_are_found_offline(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = placed(name, tmp_path, monkeypatch)
    CHECKS[name](SOURCES[name]().load(Places(tmp_path), 0), made)


@pytest.mark.parametrize("name", CHECKS)
def test_offline_the_files_are_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        SOURCES[name]().load(Places(tmp_path), 0)
    said = str(caught.value)
    for file in KNOWN[name].files:
        assert file.name.removesuffix(".gz") in said or file.name in said
    for words in (str(tmp_path / name), f"`dlcli data fetch {name}`", "--data-dir", "OFFLINE"):
        assert words in said


@pytest.mark.parametrize("name", [name for name in CHECKS if name != "mnist"])
def test_a_file_of_another_content_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = placed(name, tmp_path, monkeypatch)
    path = tmp_path / name / next(iter(made.files))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match=r"is not the .* file of that name: its SHA-256"):
        SOURCES[name]().load(Places(tmp_path), 0)


def test_unpacked_fashion_mnist_is_pinned_on_its_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, told = placed("fashion_mnist", tmp_path, monkeypatch), list[str]()
    folder = tmp_path / "fashion_mnist"
    packed = folder / "train-images-idx3-ubyte.gz"
    plain = folder / "train-images-idx3-ubyte"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    with progress.shown_by(lambda *_: None, told.append):
        check_images(SOURCES["fashion_mnist"]().load(Places(tmp_path), 0), made)
    assert len(told) == 1 and "no digest of" in told[0] and "from now on" in told[0]
    assert plain.name in (folder / PINS).read_text()
    with progress.shown_by(lambda *_: None, told.append):
        SOURCES["fashion_mnist"]().load(Places(tmp_path), 0)
    assert len(told) == 1
    plain.write_bytes(idx_bytes(np.zeros((30, 28, 28), np.uint8)))
    with pytest.raises(DataError, match=PINS):
        SOURCES["fashion_mnist"]().load(Places(tmp_path), 0)


def test_the_groups_of_cifar100(serve: Serve, tmp_path: Path) -> None:
    made = serve("cifar100")
    source = Cifar100(label_mode="coarse")
    raw = source.load(Places(tmp_path), 0)
    check_images(raw, made, "coarse")
    assert source.declare(Places(tmp_path)).classes == 20 and raw.classes is not None
    assert len(raw.classes) == 20 and raw.classes[0] == "aquatic_mammals"
    fine = Cifar100().load(Places(tmp_path), 0)
    check_images(fine, made)
    assert fine.classes is not None and list(fine.classes) == sorted(fine.classes)
    assert len(set(fine.classes)) == 100


@pytest.mark.parametrize("num_words", [None, 5, 100])
@pytest.mark.parametrize("skip_top", [0, 2, 30])
@pytest.mark.parametrize("maxlen", [1, 2, 3, 17, 2100])
def test_ids_are_those_of_keras(
    num_words: int | None, skip_top: int, maxlen: int, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    made = placed("imdb", tmp_path, monkeypatch)
    train, test = order(40, 30)
    for padding in ("pre", "post"):
        for truncating in ("pre", "post"):
            options: dict[str, Any] = {
                "num_words": num_words, "skip_top": skip_top, "maxlen": maxlen,
                "padding": padding, "truncating": truncating,
            }  # fmt: skip
            raw = Imdb(**options).load(Places(tmp_path), 0)
            for role, rows in (("train", train), ("test", test)):
                found = raw.parts[role].features.tolist()  # type: ignore[index]
                assert found == expected_ids(made.lists[role], rows, **options)


def test_what_is_decoded_once_is_mapped_from_then_on(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve("cifar10")
    source, folder = SOURCES["cifar10"](), tmp_path / "cifar10"
    first = source.load(Places(tmp_path), 0)
    with monkeypatch.context() as patch:
        patch.setattr(tarred, "read_members", None)
        patch.setattr("dlcli.data.sources.cifar.read_members", None)
        second = source.load(Places(tmp_path), 0)
    assert digests(first) == digests(second)
    assert {file.path.name for file in mapped_files(second)} >= {"train_images.npy"}
    # A byte of it changes, or the index, or a file goes: it is decoded anew.
    for name in ("train_images.npy", "test_labels.npy", decoded.INDEX):
        path = folder / name
        content = path.read_bytes()
        for damaged in (content[:-2] + b"??", content[: len(content) // 2], b"", None):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            assert digests(source.load(Places(tmp_path), 0)) == digests(first)
            assert path.read_bytes() == content


def test_an_index_cannot_name_files_elsewhere(serve: Serve, tmp_path: Path) -> None:
    serve("reuters")
    raw = Reuters().load(Places(tmp_path), 0)
    path = tmp_path / "reuters" / decoded.INDEX
    index = json.loads(path.read_text())
    (tmp_path / "elsewhere.npy").write_bytes(npy(np.zeros(3)))
    sha = hashlib.sha256((tmp_path / "elsewhere.npy").read_bytes()).hexdigest()
    for arrays in ({"../elsewhere": sha}, {}, [], None, {"all_ids": sha}):
        path.write_text(json.dumps(index | {"arrays": arrays}))
        assert digests(Reuters().load(Places(tmp_path), 0)) == digests(raw)
    for text in ("[]", "{}", "[" * 10_000, '{"format": 1}', "\0"):
        path.write_text(text)
        assert digests(Reuters().load(Places(tmp_path), 0)) == digests(raw)


def test_where_nothing_can_be_written_it_is_decoded_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, told = placed("imdb", tmp_path, monkeypatch), list[str]()

    def refuse(path: Path, pieces: object) -> None:
        raise StorageError(f"cannot write {path}: the file system is read-only")

    monkeypatch.setattr(storing, "put", refuse)
    with progress.shown_by(lambda *_: None, told.append):
        check_words(Imdb().load(Places(tmp_path), 0), made)
    assert len(told) == 1 and "will be decoded again next time" in told[0]
    assert [path.name for path in (tmp_path / "imdb").iterdir()] == ["imdb.npz"]


def in_place_of(
    name: str, content: bytes, data: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Raw]:
    """The source of a set of one archive that holds something else, digest and all."""
    made = stand_in(name)
    (file,) = made.known.files
    new = replace(file, size=0, most=10**7, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(KNOWN, name, replace(made.known, files=(new,)))
    (data / name).mkdir(exist_ok=True)
    (data / name / file.name).write_bytes(content)
    return lambda: SOURCES[name]().load(Places(data), 0)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"cifar-100-binary/train.bin": b"x" * 3074 * 40}, "lacks cifar-100-binary/test.bin"),
        ({"cifar-100-binary/train.bin": b"x" * 3074}, "has 3,074 bytes instead of 122,960"),
        ({"cifar-100-binary/train.bin": b"x" * 3074 * 41}, "instead of 122,960"),
        (
            {
                "cifar-100-binary/train.bin": b"\xff" * 3074 * 40,
                "cifar-100-binary/test.bin": b"\0" * 3074 * 20,
            },
            "holds the label 255",
        ),
        ({"cifar-100-binary/bomb.bin": bytes(1 << 22)}, "holds more than it should"),
    ],
)
def test_a_tar_of_other_members_is_refused(
    members: dict[str, bytes], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = in_place_of("cifar100", tar_gz(members), tmp_path, monkeypatch)
    with pytest.raises(DataError, match=said):
        load()


def test_members_that_are_no_files_are_refused_and_nothing_is_extracted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, kind in (
            ("../outside", tarfile.REGTYPE),
            ("/tmp/absolute", tarfile.REGTYPE),
            ("cifar-100-binary/train.bin", tarfile.SYMTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    load = in_place_of("cifar100", stream.getvalue(), tmp_path, monkeypatch)
    with pytest.raises(DataError, match=r"train\.bin has 0 bytes"):
        load()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [
        "cifar-100-binary.tar.gz"
    ]


@pytest.mark.parametrize("content", [b"", b"nonsense", gzip.compress(b"nonsense" * 1000, mtime=0)])
def test_an_archive_that_is_none_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cifar10", "california_housing", "imdb"):
        with pytest.raises(DataError, match=r"damaged|lacks|intact|not an"):
            in_place_of(name, content, tmp_path, monkeypatch)()
    whole = stand_in("cifar10").files["cifar-10-binary.tar.gz"]
    with pytest.raises(DataError, match=r"damaged|lacks"):
        in_place_of("cifar10", whole[: len(whole) // 2], tmp_path, monkeypatch)()


@pytest.mark.parametrize(
    "text", ["1,2,3\n" * 60, "1,2,3,4,5,6,7,8,9\n" * 59, "a,2,3,4,5,6,7,8,9\n" * 60, "é\n"]
)
def test_houses_of_another_form_are_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tar_gz({"CaliforniaHousing/cal_housing.data": text.encode()})
    with pytest.raises(DataError, match=r"cal_housing\.data, is damaged"):
        in_place_of("california_housing", content, tmp_path, monkeypatch)()


LABELS = np.arange(40) % 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"y_train": npy(LABELS[:39])}, "is not one class for each list"),
        ({"y_train": npy(LABELS.astype(float))}, "is not one class for each list"),
        ({"y_train": npy(LABELS + 1)}, "holds what is no class"),
        ({"y_train": npy(LABELS - 1)}, "holds what is no class"),
        ({"x_train": pickled([[1]] * 39 + [[-1]])}, "an id below 0|more than lists"),
        ({"x_train": pickled([[k] for k in range(-1, 39)])}, "an id below 0"),
        ({"x_train": npy(np.arange(40))}, "no array of lists"),
        ({"x_train": pickled([[k] for k in range(39)]), "y_train": npy(LABELS[:39])}, "69 rows"),
        ({"x_train": None}, "lacks the arrays x_train"),
    ],
)
def test_texts_of_another_form_are_refused(
    changed: dict[str, bytes | None], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members: dict[str, bytes | None] = {
        "x_train": pickled([[k] for k in range(40)]),
        "y_train": npy(LABELS),
        "x_test": pickled([[k] for k in range(30)]),
        "y_test": npy(LABELS[:30]),
    }
    kept = {name: one for name, one in (members | changed).items() if one is not None}
    with pytest.raises(DataError, match=said):
        in_place_of("imdb", npz(kept), tmp_path, monkeypatch)()


def test_iris_is_scikit_learns(tmp_path: Path) -> None:
    raw, theirs = Iris().load(Places(tmp_path), 0), load_iris()
    table = raw.parts["all"]
    assert (table.features == theirs.data).all() and (table.targets == theirs.target).all()
    assert raw.classes == tuple(theirs.target_names.tolist())
    assert raw.columns is not None
    assert [f"{c.name.replace('_', ' ')} (cm)" for c in raw.columns] == theirs.feature_names


# --- the command line


def test_the_list_says_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    placed("reuters", tmp_path, monkeypatch)
    call = dlcli("data", "list", "--data-dir", tmp_path)
    lines = {line.split()[0]: line for line in call.out.splitlines() if line.strip()}
    assert call.code == 0 and set(KNOWN) | {"digits", "breast_cancer", "iris"} <= set(lines)
    assert "present" in lines["reuters"] and "absent" in lines["imdb"]
    assert "built in" in lines["iris"] and "170.1 MB" in lines["cifar10"]
    assert "25,000 + 25,000" in lines["imdb"] and str(tmp_path) in call.out
    assert max(map(len, call.out.splitlines()[:11])) <= 80
    document = json.loads(dlcli("data", "list", "--json", "--data-dir", tmp_path).out)
    sets = {one["name"]: one for one in document["sets"]}
    assert sets["mnist"] == {
        "name": "mnist",
        "about": "28x28x1, 10 classes",
        "rows": {"train": 60_000, "test": 10_000},
        "bytes": 11_594_722,
        "state": "absent",
        "folder": str(tmp_path / "mnist"),
        "missing": [file.name for file in KNOWN["mnist"].files],
    }
    assert sets["iris"]["folder"] is None and sets["california_housing"]["bytes"] is None


def test_fetch_gets_what_is_absent_and_prints_the_folders(serve: Serve, tmp_path: Path) -> None:
    serve("reuters"), serve("fashion_mnist")
    call = dlcli("data", "fetch", "reuters", "fashion_mnist", "iris", "--data-dir", tmp_path)
    assert call.code == 0
    assert call.out == f"{tmp_path / 'reuters'}\n{tmp_path / 'fashion_mnist'}\n"
    assert "Reuters is fetched into" in call.err and "iris comes with dlcli" in call.err
    assert "127.0.0.1" in call.err and "4 files" in call.err
    again = dlcli("data", "fetch", "reuters", "--data-dir", tmp_path, "--json")
    assert json.loads(again.out) == {
        "sets": [{"name": "reuters", "folder": str(tmp_path / "reuters"), "fetched": []}]
    }


@pytest.mark.parametrize("name", CHECKS)
def test_fetch_checks_what_is_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = placed(name, tmp_path, monkeypatch)
    call = dlcli("data", "fetch", name, "--data-dir", tmp_path)
    assert call.code == 0 and f"{name} is there already, and intact" in call.err
    path = tmp_path / name / next(iter(made.files))
    path.write_bytes(b"something else")
    message = refused(dlcli("data", "fetch", name, "--data-dir", tmp_path), 3)
    assert str(path) in message


def test_fetch_all(serve: Serve, tmp_path: Path) -> None:
    for name in CHECKS:
        serve(name)
    call = dlcli("data", "fetch", "--all", "--data-dir", tmp_path, "--json")
    assert call.code == 0
    fetched = {one["name"]: one["fetched"] for one in json.loads(call.out)["sets"]}
    assert fetched == {name: [file.name for file in KNOWN[name].files] for name in CHECKS}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cifar11"], "'cifar11' is no known data set; did you mean cifar10?"),
        (["Fashion-MNIST"], "did you mean fashion_mnist?"),
        (["nothing alike"], "`dlcli data list` shows all"),
        ([], "give the NAMEs of data sets, or --all"),
        (["mnist", "--all"], "not both"),
    ],
)
def test_what_is_not_known_is_refused(arguments: list[str], said: str, tmp_path: Path) -> None:
    assert said in refused(dlcli("data", "fetch", *arguments, "--data-dir", tmp_path), 2)


def test_what_cannot_be_had_is_exit_code_3(serve: Serve, served: Served, tmp_path: Path) -> None:
    serve("reuters")
    served.does.status = 404
    message = refused(dlcli("data", "fetch", "reuters", "--data-dir", tmp_path), 3)
    assert "the server answers 404" in message and "reuters.npz" in message
    served.does.status = 200
    served.does.cut_at = 500
    call = dlcli("data", "fetch", "iris", "reuters", "--data-dir", tmp_path, "--json")
    document = json.loads(call.out)
    assert call.code == 3 and document["error"]["kind"] == "data"
    assert document["error"]["file"] == str(tmp_path / "reuters" / "reuters.npz")
    assert [one["name"] for one in document["sets"]] == ["iris"]


CONFIG = """\
data:
  source: {type: imdb, num_words: 500, maxlen: 20}
model:
  layers:
    - {type: embedding, input_dim: 500, output_dim: 4, mask_zero: true}
    - global_average_pooling1d
    - {type: dense, units: 1, activation: sigmoid}
loss: binary_crossentropy
optimizer: adam
training: {epochs: 1}
"""


def test_training_fetches_what_its_config_names_and_validating_does_not(
    serve: Serve, served: Served, tmp_path: Path
) -> None:
    serve("imdb")
    config, data = tmp_path / "c.yaml", tmp_path / "data"
    config.write_text(CONFIG)

    def call(command: str, *arguments: str | Path) -> Call:
        return dlcli(command, config, "--data-dir", data, *arguments)

    checked = call("validate")
    assert checked.code == 0 and "not checked: IMDB was not found" in checked.out
    assert served.asked == [] and not data.exists()
    trained = call("train", "--output-dir", tmp_path / "runs", "--workers", "1")
    assert trained.code == 0, trained.err
    assert "IMDB is fetched into" in trained.err and len(served.asked) == 1
    assert "is fetched" not in call("train", "--output-dir", tmp_path / "runs").err
    checked = call("validate")
    assert checked.code == 0 and "Whether the file of IMDB is intact" in checked.out


def test_options_that_keep_no_word_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG)
    for options, said in (
        ("skip_top: 500", "`skip_top` must be below `num_words` (500), or no word is kept"),
        ("padding: same", "`padding` must be `pre` or `post`"),
        ("maxlen: 0", "`maxlen` must be a whole number from 1 to 100000"),
        ("vocab_size: 9", "did you mean `num_words`?"),
    ):
        config.write_text(CONFIG.replace("maxlen: 20", options))
        assert said in refused(dlcli("validate", config), 2)


def test_an_array_of_ids_feeds_an_embedding_with_a_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed("imdb", tmp_path, monkeypatch)
    table: Array = Imdb(num_words=100, maxlen=30).load(Places(tmp_path), 0).parts["train"].features
    assert int(table.min()) == 0 and int(table.max()) < 100
