import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcli.artifacts import files
from dlcli.artifacts.checkpoint import Checkpoint, checkpoint_pieces, decode_checkpoint
from dlcli.artifacts.checkpoints import Checkpoints, Kind
from dlcli.artifacts.digests import digest_document, readable_json
from dlcli.artifacts.history import Epoch
from dlcli.artifacts.reading import parse_json, read_bytes
from dlcli.artifacts.run_directory import BEST, CHECKPOINT_INDEX, HISTORY, LAST, RunDirectory
from dlcli.artifacts.tensors import encode_tensors
from dlcli.errors import ArtifactError, StorageError
from tests.artifacts.faults import ERRORS, Disk, Killed
from tests.exactness.runs import a_part

IMPROVED = (True, False, True, False)
"""Which of the scenario's saves bring a new best."""


def _checkpoint(step: int, best: int | None = None) -> Checkpoint:
    value = np.full((2, 3), step, np.float32)
    parameters = {"dense_1.kernel": value, "dense_1.bias": value[0] / 7}
    optimizer = {"m": {"dense_1.kernel": value * 2}, "v": {"dense_1.kernel": value * 3}}
    return Checkpoint(parameters, optimizer, {"step": step, "best": best, "losses": [0.1] * step})


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    return b"".join(checkpoint_pieces(checkpoint))


def _history(step: int) -> list[Epoch]:
    """An epoch for every second step, so that some saves bring one and some none."""
    return [Epoch(n, 2 * n, {"loss": 1 / n, "count": n}, "ab") for n in range(1, step // 2 + 1)]


def _play(checkpoints: Checkpoints, done: list[tuple[int, int]]) -> None:
    """Several saves; after each, (step of last, step of best) is noted in `done`."""
    best = 0
    for step, improved in enumerate(IMPROVED, start=1):
        best = step if improved else best
        last = _checkpoint(step, best)
        checkpoints.save(last, last if improved else None, _history(step))
        done.append((step, best))


def _found(checkpoints: Checkpoints) -> tuple[int, int]:
    """The steps of last and best as a reader sees them; checks that they belong together."""
    last, best = checkpoints.load("last"), checkpoints.load("best")
    if last is None:
        assert best is None
        return 0, 0
    assert best is not None and last.state["best"] == best.state["step"]
    for found in (last, best):
        step = found.state["step"]
        assert encode_checkpoint(found) == encode_checkpoint(_checkpoint(step, found.state["best"]))
    assert checkpoints.history() == _history(last.state["step"])
    return last.state["step"], best.state["step"]


def _operations() -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        disk = Disk()
        with files.using(disk.operations()):
            checkpoints = Checkpoints(RunDirectory(Path(directory)))
            _play(checkpoints, [])
            checkpoints.seal()
        return disk.log


LOG = _operations()
OPERATIONS = len(LOG)


def _operations_of_a_save() -> int:
    with tempfile.TemporaryDirectory() as directory:
        checkpoints = Checkpoints(RunDirectory(Path(directory)))
        _play(checkpoints, [])
        disk = Disk()
        with files.using(disk.operations()):
            checkpoints.save(_checkpoint(5, 5), _checkpoint(5, 5), _history(5))
        return disk.count


def _next(done: list[tuple[int, int]]) -> tuple[int, int]:
    """What the save after `done` would bring."""
    if len(done) == len(IMPROVED):
        return done[-1]
    step = len(done) + 1
    return step, step if IMPROVED[len(done)] else done[-1][1]


def _check_after(run: RunDirectory, done: list[tuple[int, int]]) -> None:
    """A reader and a recovering process find the state before or after the broken save."""
    allowed = {done[-1] if done else (0, 0), _next(done)}
    seen = _found(Checkpoints(run))
    assert seen in allowed
    again = Checkpoints(run)
    again.recover()
    assert _found(again) == seen
    assert not list((run.root / "checkpoints").glob(".*"))
    final = _checkpoint(9, 9)
    again.save(final, final, _history(9))
    again.seal()
    assert _found(Checkpoints(run)) == (9, 9)
    assert {name for name, _ in run.entries()} == {LAST, BEST, HISTORY, CHECKPOINT_INDEX}


@pytest.mark.parametrize("fault", ["KILL", "TORN"])
def test_a_kill_at_any_instant_leaves_the_state_before_or_after(tmp_path: Path, fault: str) -> None:
    for n in range(1, OPERATIONS + 1):
        run = RunDirectory(tmp_path / str(n))
        run.root.mkdir()
        done: list[tuple[int, int]] = []
        with pytest.raises(Killed), files.using(Disk(n, fault).operations()):
            checkpoints = Checkpoints(run)
            _play(checkpoints, done)
            checkpoints.seal()
        _check_after(run, done)


def _faults(every: bool) -> Iterator[tuple[int, str]]:
    """Every operation with every fault; or once with an error of the system, those of a kind with
    each in turn, and every write cut short, which nothing else can be."""
    if every:
        yield from ((n, fault) for n in range(1, OPERATIONS + 1) for fault in ERRORS)
        return
    seen: Counter[str] = Counter()
    errors = [name for name in ERRORS if name != "SHORT"]
    for n, operation in enumerate(LOG, start=1):
        yield n, errors[seen[operation] % len(errors)]
        seen[operation] += 1
        if operation == "write":
            yield n, "SHORT"


def test_every_kind_of_operation_fails_with_every_error_that_it_has_times_for() -> None:
    found = {(LOG[n - 1], fault) for n, fault in _faults(every=False)}
    for operation, times in Counter(LOG).items():
        errors = {fault for name, fault in found if name == operation} - {"SHORT"}
        assert len(errors) == min(times, 3)


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("for_good", [False, True])
def test_a_failing_operation_keeps_the_last_good_checkpoint(
    tmp_path: Path, for_good: bool, every: bool
) -> None:
    for n, fault in _faults(every):
        run = RunDirectory(tmp_path / f"{n}-{fault}")
        run.root.mkdir()
        done: list[tuple[int, int]] = []
        disk = Disk(n, fault, for_good)
        try:
            with files.using(disk.operations()):
                checkpoints = Checkpoints(run)
                _play(checkpoints, done)
                checkpoints.seal()
        except StorageError as error:
            assert str(run.root) in str(error)
        else:
            assert fault == "SHORT"
        _check_after(run, done)


def test_everything_is_on_the_disk_before_the_commit_point(tmp_path: Path) -> None:
    checkpoints = Checkpoints(RunDirectory(tmp_path))
    checkpoints.save(_checkpoint(1, 1), _checkpoint(1, 1), _history(1))
    disk = Disk()
    with files.using(disk.operations()):
        checkpoints.save(_checkpoint(2, 2), _checkpoint(2, 2), _history(2))
    written = ["open", "write", "fsync"]
    commit = [*written, "replace", "sync_directory"]
    once = [name for name, _ in groupby(disk.log)]  # several pieces are written one by one
    assert once == [
        *(written + written + ["open", "truncate", "write", "fsync", "sync_directory"] + commit),
        *("replace", "sync_directory"),
    ]


def test_a_process_that_goes_on_after_a_failed_save_loses_nothing(tmp_path: Path) -> None:
    for n in range(1, OPERATIONS + 1):
        run = RunDirectory(tmp_path / str(n))
        run.root.mkdir()
        checkpoints = Checkpoints(run)
        with files.using(Disk(n, "ENOSPC").operations()):
            for attempt in range(2):
                try:
                    _play(checkpoints, [])
                    checkpoints.seal()
                    break
                except StorageError:
                    assert attempt == 0
        assert _found(Checkpoints(run)) == (4, 3)


@pytest.mark.parametrize("part", a_part(4))
def test_a_kill_in_the_save_after_a_failed_save_loses_nothing(part: int, tmp_path: Path) -> None:
    third, fourth = _checkpoint(3, 3), _checkpoint(4, 4)
    for n in range(1 + part, 20, 4):
        for m in range(1, 30):
            run = RunDirectory(tmp_path / f"{n}-{m}")
            run.root.mkdir()
            checkpoints = Checkpoints(run)
            checkpoints.save(_checkpoint(2, 2), _checkpoint(2, 2), _history(2))
            with (
                contextlib.suppress(StorageError),
                files.using(Disk(n, "EIO", for_good=True).operations()),
            ):
                checkpoints.save(third, third, _history(3))
            try:
                with files.using(Disk(m, "TORN").operations()):
                    checkpoints.save(fourth, fourth, _history(4))
                break
            except Killed:
                assert _found(Checkpoints(run)) in [(step, step) for step in (2, 3, 4)]
        assert _found(checkpoints) == (4, 4)


@pytest.mark.parametrize("kind", ["last", "best"])
def test_new_files_that_are_damaged_before_their_rename_give_way_to_the_previous_ones(
    tmp_path: Path, kind: str
) -> None:
    run = RunDirectory(tmp_path)
    _play(Checkpoints(run), [])
    checkpoints = Checkpoints(run)
    checkpoints.recover()
    last_operations = 3  # after the commit point: two renames, and the directory
    n = _operations_of_a_save() - last_operations + 1
    refuse = Disk(n, "KILL")
    with pytest.raises(Killed), files.using(refuse.operations()):
        checkpoints.save(_checkpoint(5, 5), _checkpoint(5, 5), _history(5))
    assert refuse.log[-1] == "replace" and _found(Checkpoints(run)) == (5, 5)
    (run.root / "checkpoints" / f".{kind}.safetensors.staged").write_bytes(b"torn")
    assert _found(Checkpoints(run)) == (4, 3)
    again = Checkpoints(run)
    again.recover()
    assert parse_json(run.path(CHECKPOINT_INDEX).read_bytes(), "index")["previous"] == {}
    assert {name for name, _ in run.entries()} == {LAST, BEST, HISTORY, CHECKPOINT_INDEX}
    again.save(_checkpoint(6, 3), None, _history(6))
    assert _found(again) == (6, 3)


@pytest.mark.parametrize("part", a_part(4))
def test_a_recovery_that_is_killed_can_be_recovered(part: int, tmp_path: Path) -> None:
    for n in range(1 + part, OPERATIONS + 1, 4):
        for m in range(1, 8):
            run = RunDirectory(tmp_path / f"{n}-{m}")
            run.root.mkdir()
            done: list[tuple[int, int]] = []
            with pytest.raises(Killed), files.using(Disk(n, "KILL").operations()):
                _play(Checkpoints(run), done)
                Checkpoints(run).seal()
            try:
                with files.using(Disk(m, "TORN").operations()):
                    Checkpoints(run).recover()
                break  # fewer than m operations were needed
            except Killed:
                _check_after(run, done)


def test_bytes_do_not_depend_on_how_many_saves_came_before(tmp_path: Path) -> None:
    contents = []
    for often in (True, False):
        run = RunDirectory(tmp_path / str(often))
        run.root.mkdir()
        checkpoints = Checkpoints(run)
        if often:
            _play(checkpoints, [])
        checkpoints.save(_checkpoint(5, 5), _checkpoint(5, 5), _history(5))
        checkpoints.seal()
        checkpoints.seal()
        contents.append({name: run.path(name).read_bytes() for name, _ in run.entries()})
    assert contents[0] == contents[1]


def test_nothing_saved_is_no_error(tmp_path: Path) -> None:
    checkpoints = Checkpoints(RunDirectory(tmp_path))
    assert checkpoints.load() is None
    checkpoints.recover()
    checkpoints.seal()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def saved(tmp_path: Path) -> RunDirectory:
    run = RunDirectory(tmp_path)
    _play(Checkpoints(run), [])
    return run


@pytest.mark.parametrize("name", [LAST, BEST, HISTORY, CHECKPOINT_INDEX])
def test_any_flipped_byte_and_any_truncation_is_found(saved: RunDirectory, name: str) -> None:
    path = saved.path(name)
    data = path.read_bytes()
    damaged = [data[:-1], data[: len(data) // 2], b""]
    if name != HISTORY:  # of which only the part that was committed counts
        damaged += [data + b"x", data + b"\n"]
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        for act in (Checkpoints(saved).load, Checkpoints(saved).recover):
            with pytest.raises(ArtifactError, match=path.name):
                act()
    path.write_bytes(data)
    assert _found(Checkpoints(saved)) == (4, 3)


def test_a_checkpoint_that_changes_before_it_is_read_is_not_taken(
    saved: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content is looked at twice: once to find it, and once more when it is read."""
    length = saved.path(LAST).stat().st_size
    for place in range(0, length, length // 16):  # digests before and behind the recorded one

        def changed(path: Path, limit: int, place: int = place) -> bytes:
            data = bytearray(read_bytes(path, limit))
            if path == saved.path(LAST):
                data[place] ^= 1
            return bytes(data)

        monkeypatch.setattr("dlcli.artifacts.checkpoints.read_bytes", changed)
        with pytest.raises(ArtifactError, match=r"last\.safetensors has other content"):
            Checkpoints(saved).load()
        assert Checkpoints(saved).load("best") is not None


def test_what_lies_behind_the_committed_history_is_dropped(saved: RunDirectory) -> None:
    path = saved.path(HISTORY)
    data = path.read_bytes()
    path.write_bytes(data + b'{"epoch": 3')
    assert _found(Checkpoints(saved)) == (4, 3)
    assert path.read_bytes() != data
    Checkpoints(saved).recover()
    assert path.read_bytes() == data


def test_a_save_costs_the_same_however_many_epochs_came_before(tmp_path: Path) -> None:
    checkpoints = Checkpoints(RunDirectory(tmp_path))
    history = [Epoch(n, n, {"loss": 0.5}, "ab" * 32) for n in range(1, 1001)]
    costs = []
    for epochs in (10, 11, 900, 901):
        written = 0

        def count(descriptor: int, data: memoryview) -> int:
            nonlocal written
            written += len(data)
            return os.write(descriptor, data)

        with files.using(replace(files.system, write=count)):
            checkpoints.save(_checkpoint(1, 1), None, history[:epochs])
        costs.append(written)
    assert abs(costs[3] - costs[1]) <= 10  # digits of numbers
    size = (tmp_path / HISTORY).stat().st_size
    assert costs[2] - costs[1] < size


def test_a_history_that_could_not_be_read_again_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlcli.artifacts.history.LIMIT", 400)
    checkpoints = Checkpoints(RunDirectory(tmp_path))
    history = [Epoch(n, n, {"loss": 0.5}, "ab" * 32) for n in range(1, 9)]
    checkpoints.save(_checkpoint(1, 1), _checkpoint(1, 1), history[:2])
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    with pytest.raises(StorageError, match="more than the 400 that are read"):
        checkpoints.save(_checkpoint(2, 2), _checkpoint(2, 2), history)
    after = {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    assert after == before
    assert checkpoints.history() == history[:2]


def test_missing_and_swapped_files_are_found(saved: RunDirectory) -> None:
    last, best = saved.path(LAST), saved.path(BEST)
    contents = last.read_bytes(), best.read_bytes()
    last.write_bytes(contents[1])
    best.write_bytes(contents[0])
    with pytest.raises(ArtifactError, match=r"last\.safetensors has other content"):
        Checkpoints(saved).load()
    last.write_bytes(contents[0])
    best.unlink()
    with pytest.raises(ArtifactError, match=r"best\.safetensors is missing"):
        Checkpoints(saved).load()
    best.write_bytes(contents[1])
    saved.path(CHECKPOINT_INDEX).unlink()
    with pytest.raises(ArtifactError, match=r"index\.json is missing"):
        Checkpoints(saved).load()


def test_a_lost_first_checkpoint_is_an_error_and_not_a_fresh_start(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    Checkpoints(run).save(_checkpoint(1, 1), _checkpoint(1, 1), _history(1))
    run.path(LAST).unlink()
    run.path(BEST).unlink()
    with pytest.raises(ArtifactError, match="is missing"):
        Checkpoints(run).load()


def test_a_link_in_place_of_a_checkpoint_is_refused(saved: RunDirectory, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    saved.path(LAST).rename(elsewhere)
    (tmp_path / LAST).symlink_to(elsewhere)
    with pytest.raises(ArtifactError, match="symbolic link"):
        Checkpoints(saved).load()


def _edit(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def edited(data: bytes) -> bytes:
        document = parse_json(data, "index")
        change(document)
        body = {key: value for key, value in document.items() if key != "digest"}
        return readable_json(body | {"digest": digest_document(body)})

    return edited


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (_edit(lambda d: d.update(schema=1)), "use the version that wrote it"),
        (_edit(lambda d: d.update(extra=2)), "damaged or was edited"),
        (_edit(lambda d: d.update(new=[])), "damaged or was edited"),
        (_edit(lambda d: d.update(new={"last": {"sha256": 1, "size": "x"}})), "damaged or was"),
        (lambda data: b"[]", "damaged or was edited"),
    ],
)
def test_an_edited_index_is_refused(
    saved: RunDirectory, edit: Callable[[bytes], bytes], word: str
) -> None:
    path = saved.path(CHECKPOINT_INDEX)
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(ArtifactError, match=word):
        Checkpoints(saved).load()


OTHER_VALUES: dict[str, list[object]] = {
    "size": [None, True, -1, 1.0, "1", [], {}],
    "sha256": [None, True, 7, "", "0" * 63, [], {}],
}


@pytest.mark.parametrize("file", ["last", "best", "history"])
@pytest.mark.parametrize("key", OTHER_VALUES)
def test_one_wrong_value_in_the_index_is_refused(saved: RunDirectory, file: str, key: str) -> None:
    """In what counts and in what counted before; a value of no type that it has is no bug."""
    path = saved.path(CHECKPOINT_INDEX)
    good = path.read_bytes()
    for generation in ("new", "previous"):
        for value in OTHER_VALUES[key]:

            def change(document: Any, value: object = value, generation: str = generation) -> None:
                if file in document[generation]:
                    document[generation][file][key] = value

            path.write_bytes(_edit(change)(good))
            if path.read_bytes() == good:
                continue
            found = Checkpoints(saved)
            if generation == "previous" and isinstance(value, str) and key == "sha256":
                assert _found(found) == (4, 3)  # it is not looked for where the new one is whole
                continue
            for act in (found.load, found.recover):
                with pytest.raises(ArtifactError):
                    act()
    path.write_bytes(good)
    assert _found(Checkpoints(saved)) == (4, 3)


@pytest.mark.parametrize("key", ["schema", "new", "previous", "digest"])
def test_an_index_without_one_of_its_parts_is_refused(saved: RunDirectory, key: str) -> None:
    path = saved.path(CHECKPOINT_INDEX)
    document = parse_json(path.read_bytes(), "index")
    document = {name: value for name, value in document.items() if name != key}
    path.write_bytes(readable_json(document))
    with pytest.raises(ArtifactError, match="damaged or was edited"):
        Checkpoints(saved).load()


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        [],
        {},
        {"parameters": ["a"], "optimizer": [], "state": []},
        {"parameters": [], "optimizer": ["m"], "state": {}},
        {"parameters": ["a", "b"], "optimizer": [], "state": {}},
        {"parameters": 3, "optimizer": [], "state": {}},
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(metadata: object) -> None:
    data = encode_tensors({"a": np.zeros(2, np.float32)}, metadata)
    with pytest.raises(ArtifactError, match=r"x\.safetensors is not a checkpoint"):
        decode_checkpoint(data, "x.safetensors")


def test_a_layer_may_be_called_optimizer() -> None:
    kernel = np.ones(2, np.float32)
    checkpoint = Checkpoint(
        {"optimizer.m.kernel": kernel}, {"m": {"optimizer.m.kernel": kernel * 2}, "v": {}}, {}
    )
    back = decode_checkpoint(encode_checkpoint(checkpoint), "file")
    assert back.parameters["optimizer.m.kernel"].tolist() == [1, 1]
    assert back.optimizer["m"]["optimizer.m.kernel"].tolist() == [2, 2]
    with pytest.raises(ValueError, match="two arrays"):
        encode_checkpoint(Checkpoint({"optimizer.m.kernel": kernel}, {"m": {"kernel": kernel}}, {}))


def test_kinds_are_independent_when_no_best_was_ever_saved(tmp_path: Path) -> None:
    checkpoints = Checkpoints(RunDirectory(tmp_path))
    checkpoints.save(_checkpoint(3))
    kinds: tuple[Kind, Kind] = ("last", "best")
    found = [checkpoints.load(kind) for kind in kinds]
    assert found[0] is not None and found[0].state["step"] == 3 and found[1] is None
