"""Files fetched from a server that fails in every way: what is kept, what is refused, what is
said."""

import gzip
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlcli import progress
from dlcli.data import storing
from dlcli.data.downloads import transfer
from dlcli.data.downloads.fetching import fetch, obtain
from dlcli.data.downloads.files import PINS, require_intact
from dlcli.data.downloads.known import KnownSet, RemoteFile
from dlcli.data.downloads.transfer import Patience
from dlcli.errors import DataError, StorageError, UsageError
from tests.data.faulty_server import Served, serving
from tests.exactness.runs import environment

CONTENT = b"".join(hashlib.sha256(bytes([k % 256, k // 256])).digest() for k in range(9000))
ONE_TRY = Patience(timeout=20.0, tries=1, pause=0.0)
NAME = "rows.bin"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server that gives CONTENT, a registry whose mirror it is, and no second try."""
    with serving() as served:
        served.files[f"/things/{NAME}"] = CONTENT
        monkeypatch.setenv("DLCLI_OFFLINE", "0")
        monkeypatch.setenv("DLCLI_DATA_MIRROR", served.base)
        for word in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(word, raising=False)
        monkeypatch.setattr(transfer, "PATIENCE", ONE_TRY)
        yield served


def things(content: bytes = CONTENT, **more: object) -> KnownSet:
    """A set of one file."""
    sha = hashlib.sha256(content).hexdigest()
    file = RemoteFile(NAME, "https://nowhere.invalid/rows.bin", len(content), sha)
    known = KnownSet("things", "Things", "rows", {"all": 1}, (file,), "a page")
    return replace(known, files=(replace(file, **more),))  # type: ignore[arg-type]


def left(data: Path) -> dict[str, int]:
    """The files of the set, and how long they are."""
    folder = data / "things"
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir())}


def test_a_file_comes_whole_and_nothing_else_stays(served: Served, tmp_path: Path) -> None:
    assert fetch(things(), tmp_path) == (tmp_path / "things" / NAME,)
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT
    assert left(tmp_path) == {NAME: len(CONTENT)}
    assert fetch(things(), tmp_path) == () and len(served.asked) == 1


@pytest.mark.parametrize("tenth", range(1, 10))
@pytest.mark.parametrize("tag", ['"one"', ""])
def test_a_cut_at_every_tenth_is_finished_by_the_next_call(
    tenth: int, tag: str, served: Served, tmp_path: Path
) -> None:
    at = len(CONTENT) * tenth // 10
    served.does.cut_at, served.does.tag = at, tag
    with pytest.raises(DataError, match=f"broke off after {at:,} of {len(CONTENT):,} bytes"):
        fetch(things(), tmp_path)
    assert left(tmp_path)[f"{NAME}.part"] == at and NAME not in left(tmp_path)
    served.does.cut_at = None
    fetch(things(), tmp_path)
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT
    assert served.asked[1][1:] == (f"bytes={at}-", tag)
    assert served.sent == len(CONTENT)  # nothing was sent twice
    assert left(tmp_path) == {NAME: len(CONTENT)}


def test_a_download_cut_again_and_again_comes_in_the_end(served: Served, tmp_path: Path) -> None:
    for tenth in range(1, 10):
        served.does.cut_at = len(CONTENT) * tenth // 10
        with pytest.raises(DataError, match="goes on where it ended"):
            fetch(things(), tmp_path)
    served.does.cut_at = None
    fetch(things(), tmp_path)
    assert left(tmp_path) == {NAME: len(CONTENT)} and served.sent == len(CONTENT)


def test_one_call_tries_again_and_keeps_what_came(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            served.does.cut_at = None

    monkeypatch.setattr("time.sleep", pause)
    monkeypatch.setattr(transfer, "PATIENCE", Patience(timeout=20.0, tries=5, pause=1.0))
    served.does.statuses = [503, 500, 429]
    served.does.cut_at = 1000
    fetch(things(), tmp_path)
    assert pauses == [1.0, 2.0, 4.0, 8.0]
    assert [asked[1] for asked in served.asked] == ["", "", "", "", "bytes=1000-"]
    assert left(tmp_path) == {NAME: len(CONTENT)}


def test_a_server_that_is_down_is_given_up(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr(transfer, "PATIENCE", Patience(timeout=20.0, tries=4, pause=1.0))
    served.does.status = 503
    with pytest.raises(DataError, match="the server answers 503 Service Unavailable"):
        fetch(things(), tmp_path)
    assert pauses == [1.0, 2.0, 4.0] and len(served.asked) == 4
    monkeypatch.setenv("DLCLI_DATA_MIRROR", "http://127.0.0.1:1")
    with pytest.raises(DataError, match="Connection refused"):
        fetch(things(), tmp_path)


def test_without_a_network_nobody_waits(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(transfer, "PATIENCE", Patience())
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    with pytest.raises(DataError, match="its server is not found") as caught:
        fetch(things(), tmp_path)
    for words in (NAME, str(tmp_path / "things"), "`dlcli data fetch things` tries again"):
        assert words in str(caught.value)
    assert left(tmp_path) == {}


def test_a_server_without_ranges_sends_it_whole(served: Served, tmp_path: Path) -> None:
    served.does.cut_at, served.does.ranges = 1000, False
    with pytest.raises(DataError, match="broke off"):
        fetch(things(), tmp_path)
    served.does.cut_at = None
    fetch(things(), tmp_path)
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT
    assert served.sent == 1000 + len(CONTENT)


def test_another_version_is_fetched_from_its_start(served: Served, tmp_path: Path) -> None:
    """The ETag has changed between two calls: half of one file is no part of the other."""
    old = bytes(len(CONTENT))
    served.files[f"/things/{NAME}"] = old
    served.does.cut_at = 5000
    with pytest.raises(DataError, match="broke off"):
        fetch(things(), tmp_path)
    served.files[f"/things/{NAME}"], served.does.tag, served.does.cut_at = CONTENT, '"two"', None
    fetch(things(), tmp_path)
    assert served.asked[1][1:] == ("bytes=5000-", '"one"')
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("tag", ["", 'W/"one"'])
def test_another_version_that_nothing_tells_is_noticed_by_its_digest(
    tag: str, served: Served, tmp_path: Path
) -> None:
    served.files[f"/things/{NAME}"] = bytes(len(CONTENT))
    served.does.cut_at, served.does.tag = 5000, tag
    with pytest.raises(DataError, match="broke off"):
        fetch(things(), tmp_path)
    served.files[f"/things/{NAME}"], served.does.cut_at = CONTENT, None
    fetch(things(), tmp_path)
    assert [asked[1] for asked in served.asked] == ["", "bytes=5000-", ""]
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT


def test_wrong_bytes_never_stay(served: Served, tmp_path: Path) -> None:
    served.files[f"/things/{NAME}"] = CONTENT[:-1] + b"?"
    with pytest.raises(DataError, match=r"its SHA-256 is .*expected is .*\(a page\)") as caught:
        fetch(things(), tmp_path)
    assert left(tmp_path) == {} and str(tmp_path / "things") in str(caught.value)
    served.files[f"/things/{NAME}"] = CONTENT
    fetch(things(), tmp_path)
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("length", [0, 10, len(CONTENT) - 1, len(CONTENT) + 1])
def test_a_file_of_another_length_is_refused_before_it_is_read(
    length: int, served: Served, tmp_path: Path
) -> None:
    served.files[f"/things/{NAME}"] = (CONTENT + b"?")[:length]
    with pytest.raises(DataError, match=r"instead of|broke off after 0"):
        fetch(things(), tmp_path)
    assert NAME not in left(tmp_path) and sum(left(tmp_path).values()) < 100


@pytest.mark.parametrize("size", [True, False])
def test_a_body_without_an_end_is_cut_off(size: bool, served: Served, tmp_path: Path) -> None:
    served.does.endless = True
    known = things() if size else things(size=0, most=len(CONTENT))
    with pytest.raises(DataError, match=f"goes on after {len(CONTENT):,} bytes"):
        fetch(known, tmp_path)
    assert NAME not in left(tmp_path) and left(tmp_path) == {}


def test_a_file_of_unknown_size_is_bounded(served: Served, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bytes, more than 1,000"):
        fetch(things(size=0, most=1000), tmp_path)
    served.does.lengthless = True
    fetch(things(size=0, most=len(CONTENT)), tmp_path)
    assert left(tmp_path) == {NAME: len(CONTENT)}


def test_a_file_of_unknown_size_goes_on_only_by_its_tag(served: Served, tmp_path: Path) -> None:
    known = things(size=0, most=len(CONTENT), sha256="")
    for tag, wanted in (('"one"', "bytes=1000-"), ("", "")):
        served.does.tag, served.does.cut_at = tag, 1000
        with pytest.raises(DataError, match="broke off"):
            fetch(known, tmp_path / wanted)
        served.does.cut_at = None
        fetch(known, tmp_path / wanted)
        assert served.asked[-1][1] == wanted
        assert (tmp_path / wanted / "things" / NAME).read_bytes() == CONTENT


def test_a_whole_part_is_not_asked_for_again(served: Served, tmp_path: Path) -> None:
    """Somebody was killed between the last byte and the right name."""
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(CONTENT)
    fetch(things(), tmp_path)
    assert served.asked == [] and left(tmp_path) == {NAME: len(CONTENT)}


@pytest.mark.parametrize("more", [b"?", b"?" * 10_000])
def test_a_part_that_is_too_long_is_written_anew(
    more: bytes, served: Served, tmp_path: Path
) -> None:
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(CONTENT + more)
    fetch(things(), tmp_path)
    assert (folder / NAME).read_bytes() == CONTENT


def test_a_range_that_the_server_does_not_have_begins_anew(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", Patience(timeout=20.0, tries=2, pause=0.0))
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / f"{NAME}.part").write_bytes(CONTENT)
    (folder / f"{NAME}.part.tag").write_text('"one"')
    fetch(things(size=0, most=10**6), tmp_path)
    assert [asked[1] for asked in served.asked] == [f"bytes={len(CONTENT)}-", ""]
    assert left(tmp_path) == {NAME: len(CONTENT)}


def test_another_range_than_the_wanted_one_is_not_believed(served: Served, tmp_path: Path) -> None:
    served.does.cut_at = 1000
    with pytest.raises(DataError, match="broke off"):
        fetch(things(), tmp_path)
    served.does.cut_at, served.does.shift = None, 7
    with pytest.raises(DataError, match="another range than the one it was asked for"):
        fetch(things(), tmp_path)
    served.does.shift = 0
    fetch(things(), tmp_path)
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT


def test_a_stalled_connection_ends_and_keeps_what_came(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", Patience(timeout=0.2, tries=1, pause=0.0))
    served.does.stall_at = 1000
    with pytest.raises(DataError, match="does not answer in time"):
        fetch(things(), tmp_path)
    assert left(tmp_path)[f"{NAME}.part"] == 1000
    served.does.stall_at = None
    monkeypatch.setattr(transfer, "PATIENCE", ONE_TRY)
    fetch(things(), tmp_path)
    assert served.sent == len(CONTENT)


def test_a_trickle_is_not_waited_for(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte comes in time, but too few in a minute: the clock is a counter here."""
    now = iter(range(0, 10**9, 100))
    monkeypatch.setattr("time.monotonic", lambda: float(next(now)))
    monkeypatch.setattr(transfer, "PATIENCE", Patience(timeout=20.0, least=10**9, tries=1))
    with pytest.raises(DataError, match=r"it brought [\d,]+ bytes in \d+ seconds"):
        fetch(things(), tmp_path)
    assert left(tmp_path)[f"{NAME}.part"] > 0


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_is_not_there_is_not_asked_for_again(
    status: int, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", Patience())
    served.does.status = status
    with pytest.raises(DataError, match=f"the server answers {status}") as caught:
        fetch(things(), tmp_path)
    assert len(served.asked) == 1 and NAME not in left(tmp_path)
    for words in (served.base, NAME, str(tmp_path / "things"), "`dlcli data fetch things`"):
        assert words in str(caught.value)


def test_a_circle_of_redirects_ends(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PATIENCE", Patience())
    served.does.location = f"/things/{NAME}"
    with pytest.raises(DataError, match="redirected too often, or in a circle"):
        fetch(things(), tmp_path)
    assert len(served.asked) <= 6


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_leads_nowhere_else(address: str, served: Served, tmp_path: Path) -> None:
    served.does.location = address
    with pytest.raises(DataError, match="redirected to where is not followed"):
        fetch(things(), tmp_path)
    assert NAME not in left(tmp_path)


def test_a_redirect_from_https_to_http_is_refused() -> None:
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request

    opener = transfer._opener(5)
    (handler,) = (h for h in opener.handlers if isinstance(h, HTTPRedirectHandler))  # type: ignore[attr-defined]
    request = Request("https://one.invalid/x", headers={"Range": "bytes=5-"})

    def follow(address: str) -> Request | None:
        return handler.redirect_request(request, None, 302, "Found", {}, address)  # type: ignore[arg-type]

    with pytest.raises(HTTPError, match="not followed to http://two"):
        follow("http://two.invalid/x")
    followed = follow("https://two.invalid/x")
    assert followed is not None and followed.get_header("Range") == "bytes=5-"


def test_a_redirect_is_followed(served: Served, tmp_path: Path) -> None:
    with serving() as other:
        other.files["/elsewhere"] = CONTENT
        served.does.location = f"{other.base}/elsewhere"
        fetch(things(), tmp_path)
    assert left(tmp_path) == {NAME: len(CONTENT)}


def test_what_is_no_address_is_said(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mirror in ("ftp://x", "/folder", "nowhere"):
        monkeypatch.setenv("DLCLI_DATA_MIRROR", mirror)
        with pytest.raises(UsageError, match="DLCLI_DATA_MIRROR must begin with https://"):
            fetch(things(), tmp_path)
    for mirror in ("http://", "http://a b", "http://[", "http://127.0.0.1:port"):
        monkeypatch.setenv("DLCLI_DATA_MIRROR", mirror)
        with pytest.raises(DataError, match="cannot be read"):
            fetch(things(), tmp_path)


def test_offline_fetches_nothing_and_names_file_and_folder(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCLI_OFFLINE", "1")
    for get in (fetch, obtain):
        with pytest.raises(DataError, match="DLCLI_OFFLINE is set") as caught:
            get(things(), tmp_path)
        for words in (NAME, str(tmp_path / "things"), "`dlcli data fetch things`"):
            assert words in str(caught.value)
    assert served.asked == [] and not (tmp_path / "things").exists()


def test_a_file_without_a_published_digest_is_pinned_by_its_content(
    served: Served, tmp_path: Path
) -> None:
    told: list[str] = []
    packed = gzip.compress(CONTENT, 9, mtime=0)
    served.files[f"/things/{NAME}"] = packed
    known = things(packed, sha256="")
    path = tmp_path / "things" / NAME
    with progress.shown_by(lambda *_: None, told.append):
        fetch(known, tmp_path)
    assert len(told) == 1 and "is published: it is known by" in told[0]
    sha = hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "things" / PINS).read_text() == f"{sha}  {NAME}\n"
    assert require_intact(known, known.files[0], path) == sha
    # The same content packed in another way is the same; another content is refused, and removed.
    path.write_bytes(gzip.compress(CONTENT, 1, mtime=7))
    assert require_intact(known, known.files[0], path) == sha
    path.write_bytes(gzip.compress(CONTENT + b"?"))
    with pytest.raises(DataError, match="uncompressed content's SHA-256"):
        require_intact(known, known.files[0], path)
    path.unlink()
    other = gzip.compress(CONTENT[::-1], mtime=0)
    served.files[f"/things/{NAME}"] = other
    with pytest.raises(DataError, match=f"expected is .*{PINS}"):
        fetch(things(other, sha256=""), tmp_path)
    assert left(tmp_path).keys() == {PINS}
    served.files[f"/things/{NAME}"] = packed
    fetch(known, tmp_path)
    assert path.read_bytes() == packed


def test_damaged_pins_are_said(tmp_path: Path) -> None:
    folder = tmp_path / "things"
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    (folder / PINS).write_text("nonsense\n")
    known = things(sha256="")
    with pytest.raises(DataError, match=r"pinned.sha256 is damaged: 'nonsense'"):
        require_intact(known, known.files[0], folder / NAME)


def test_two_at_once_fetch_it_once(served: Served, tmp_path: Path) -> None:
    """The second one waits for the lock of the first, and finds the file."""
    told: list[str] = []
    waiting = threading.Event()

    def tell(text: str) -> None:
        told.append(text)
        waiting.set()

    (tmp_path / "things").mkdir()
    second = threading.Thread(target=fetch, args=(things(), tmp_path))
    with progress.shown_by(lambda *_: None, tell):
        with storing.locked(tmp_path / "things", lambda: None):
            second.start()
            assert waiting.wait(60)
            assert served.asked == []
            (tmp_path / "things" / NAME).write_bytes(CONTENT)
        second.join()
    assert served.asked == [] and "another process writes" in told[0]


WORK = """
import sys
from pathlib import Path
from dlcli.data.downloads.fetching import fetch
from tests.data.test_downloads import things
fetch(things(), Path(sys.argv[1]))
"""


def _process(served: Served, data: Path) -> "subprocess.Popen[bytes]":
    root = str(Path(__file__).parents[2])
    env = environment(PYTHONPATH=root, DLCLI_OFFLINE="0", DLCLI_DATA_MIRROR=served.base)
    return subprocess.Popen([sys.executable, "-c", WORK, str(data)], env=env)


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_killed_process_is_gone_on_from(served: Served, tmp_path: Path) -> None:
    """SIGKILL while the server holds back the rest: the next call asks for that rest alone."""
    served.does.stall_at = 100_000
    process = _process(served, tmp_path)
    part = tmp_path / "things" / f"{NAME}.part"
    while not (part.exists() and part.stat().st_size == 100_000):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert left(tmp_path).keys() == {f"{NAME}.part", f"{NAME}.part.tag"}
    served.does.stall_at = None
    fetch(things(), tmp_path)
    assert served.asked[-1][1:] == ("bytes=100000-", '"one"')
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT
    assert left(tmp_path) == {NAME: len(CONTENT)}


def test_processes_at_once_leave_one_whole_file(served: Served, tmp_path: Path) -> None:
    processes = [_process(served, tmp_path) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT
    assert left(tmp_path) == {NAME: len(CONTENT)} and len(served.asked) == 1


def test_a_folder_that_cannot_be_made_is_said(served: Served, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot make the folder"):
        fetch(things(), tmp_path / "file")
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / f"{NAME}.part").mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        fetch(things(), tmp_path)


def test_a_full_disk_leaves_a_part(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails in the middle, the right name is not there."""
    written = storing.write

    def write(stream: object, path: Path, data: bytes) -> None:
        written(stream, path, data)  # type: ignore[arg-type]
        raise StorageError("cannot write: the disk is full")

    monkeypatch.setattr(storing, "write", write)
    with pytest.raises(StorageError, match="disk is full"):
        fetch(things(), tmp_path)
    assert NAME not in left(tmp_path) and left(tmp_path)[f"{NAME}.part"] > 0
    monkeypatch.setattr(storing, "write", written)
    fetch(things(), tmp_path)
    assert (tmp_path / "things" / NAME).read_bytes() == CONTENT


def test_a_bar_is_shown_of_a_long_download(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    class Bar:
        def at(self, done: int) -> None:
            seen.append(done)

        def end(self) -> None:
            seen.append(-1)

    made: list[tuple[object, ...]] = []

    def show(what: str, total: int | None, unit: str, began: float) -> Bar:
        made.append((what, total, unit))
        return Bar()

    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    with progress.shown_by(show):
        fetch(things(), tmp_path)
    assert made[0] == (f"fetch {NAME}", len(CONTENT), "bytes")
    assert seen[seen.index(-1) - 1] == len(CONTENT)
