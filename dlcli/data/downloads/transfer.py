"""One file over HTTP, into what is there of it already.

A part grows at its end. The next try asks for the rest (`Range`), on condition that the file is
still the one that the part is of (`If-Range` with the ETag or date that came with it, kept in
`<name>.part.tag`); a server that does not know ranges, or has another file by now, sends it whole.
A connection that is cut, refused or slow is tried again after a pause, and keeps what it brought.

Nothing is believed: no more is read than the file has bytes, a redirect leads only a few steps and
never from https to http, and whether the bytes are the right ones is decided by whoever calls.
urllib, and with it ssl, is loaded when something is fetched and not before.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dlcli.data import storing
from dlcli.data.formats.stored import opened
from dlcli.errors import DataError
from dlcli.frozen import frozen
from dlcli.progress import At

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

_CHUNK = 1 << 16
_LONGEST_TAG = 1000
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")


@frozen
class Patience:
    """How long a server is waited for.

    timeout: seconds without a byte. window, least: seconds in which so many bytes must come.
    tries: how many in a row may bring less than `_CHUNK` (0: the first cut is the end); pause:
    seconds before the second one, doubled before each further one. redirects: followed at most.
    """

    timeout: float = 30.0
    window: float = 60.0
    least: int = 1 << 14
    tries: int = 5
    pause: float = 1.0
    redirects: int = 5


PATIENCE = Patience()
"""What is waited; tests wait less."""


@frozen
class Wanted:
    """A file at an address, and the part of it.

    size: how many bytes it has, 0 where nobody knows; then no more than `most` are read.
    checked: whether its digest is known, so that a part of another version is noticed at the end.
    """

    address: str
    part: Path
    size: int
    most: int
    checked: bool

    @property
    def tag(self) -> Path:
        """What tells the version of the file that the part is of."""
        return self.part.with_name(f"{self.part.name}.tag")

    @property
    def limit(self) -> int:
        """The bytes beyond which nothing is read."""
        return self.size or self.most

    def not_read(self, why: str) -> DataError:
        """The error of a server that does not give it."""
        return DataError(f"{self.address} cannot be read: {why}")

    def another(self, why: str) -> DataError:
        """The error of a server that gives something else."""
        return DataError(f"{self.address} does not give the published file: {why}")


class Cut(Exception):
    """The connection did not bring everything; another try may."""


def transfer(wanted: Wanted, at: At) -> None:
    """Brings the part to the whole file; DataError where that cannot be done."""
    opener = _opener(PATIENCE.redirects)
    failed = 0
    while True:
        before = _size(wanted.part)
        if wanted.size and before == wanted.size:
            return
        try:
            with storing.part(wanted.part) as stream:
                _try(opener, wanted, stream, at)
            return
        except Cut as cut:
            gained = _size(wanted.part) - before
            failed = 0 if gained >= _CHUNK else failed + 1
            if failed >= PATIENCE.tries:
                raise wanted.not_read(str(cut)) from None
            time.sleep(PATIENCE.pause * (1 << max(failed - 1, 0)))


def _try(opener: "OpenerDirector", wanted: Wanted, stream: BinaryIO, at: At) -> None:
    """One request; Cut where the file is not whole after it."""
    from http.client import HTTPException
    from urllib.error import HTTPError

    there = stream.seek(0, 2)
    tag = _tag_of(wanted.tag)
    if there > wanted.limit or not (tag or wanted.checked):
        there = 0  # not a part of this file, or nobody can tell
    storing.cut(stream, wanted.part, there)
    try:
        response = _open(opener, wanted.address, there, tag)
    except HTTPError as error:
        error.close()
        if error.code == 416 and there:  # the file is shorter by now: once more, from its start
            storing.cut(stream, wanted.part, 0)
            raise Cut("the server has no such range of it") from None
        if error.code in (408, 425, 429) or error.code >= 500:
            raise Cut(f"the server answers {error.code} {error.reason}") from None
        raise wanted.not_read(_refusal(error)) from None
    except (HTTPException, OSError, ValueError) as error:
        raise _network(wanted, error) from None
    with response:
        total = _begin(response, wanted, stream)
        try:
            _receive(response, wanted, stream, total, at)
        except (HTTPException, OSError) as error:
            raise Cut(f"the connection broke off ({_words(error)})") from None


def _open(opener: "OpenerDirector", address: str, there: int, tag: str) -> "HTTPResponse":
    from urllib.request import Request

    headers = {"User-Agent": "dlcli", "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
        if tag:
            headers["If-Range"] = tag
    request = Request(address, headers=headers)
    response: HTTPResponse = opener.open(request, timeout=PATIENCE.timeout)
    return response


def _begin(response: "HTTPResponse", wanted: Wanted, stream: BinaryIO) -> int:
    """Puts the part to where the answer goes on; how long the file will be, 0 if nobody knows."""
    if response.status == 206:
        start, total = _range(response.headers.get("Content-Range", ""))
        if start != stream.tell():
            storing.cut(stream, wanted.part, 0)
            raise Cut("the server sends another range than the one it was asked for")
    elif response.status == 200:
        total = _number(response.headers.get("Content-Length"))
        storing.cut(stream, wanted.part, 0)
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        storing.discard(wanted.tag)
        if _is_tag(tag) and not tag.startswith("W/"):  # a weak one says nothing about bytes
            storing.put(wanted.tag, [tag.encode()])
    else:
        raise wanted.not_read(f"the server answers {response.status} {response.reason}")
    if total and wanted.size and total != wanted.size:
        raise wanted.another(f"it has {total:,} bytes instead of {wanted.size:,}")
    if total > wanted.limit:
        raise wanted.another(f"it has {total:,} bytes, more than {wanted.limit:,}")
    return wanted.size or total


def _receive(
    response: "HTTPResponse", wanted: Wanted, stream: BinaryIO, total: int, at: At
) -> None:
    """The body, up to its end; Cut where it ends too early or comes too slowly."""
    got = before = stream.tell()
    began = time.monotonic()
    while piece := response.read1(_CHUNK):
        if got + len(piece) > wanted.limit:
            storing.cut(stream, wanted.part, 0)
            raise wanted.another(f"it goes on after {wanted.limit:,} bytes")
        storing.write(stream, wanted.part, piece)
        got += len(piece)
        at(got)
        now = time.monotonic()
        if now - began >= PATIENCE.window:
            if got - before < PATIENCE.least:
                raise Cut(f"it brought {got - before:,} bytes in {now - began:.0f} seconds")
            began, before = now, got
    if got < total:
        raise Cut(f"the connection broke off after {got:,} of {total:,} bytes")


def _opener(redirects: int) -> "OpenerDirector":
    """Opens http and https and nothing else, by the proxy of the environment, if there is one."""
    from urllib import request
    from urllib.error import HTTPError

    class Redirects(request.HTTPRedirectHandler):
        max_repeats = max_redirections = redirects

        def redirect_request(
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Any:
            scheme = newurl.split(":", 1)[0].lower()
            if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
                raise HTTPError(newurl, code, f"not followed to {newurl}", headers, fp)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    handlers: list[Callable[[], request.BaseHandler]] = [
        request.ProxyHandler,
        request.UnknownHandler,
        request.HTTPHandler,
        request.HTTPDefaultErrorHandler,
        Redirects,
        request.HTTPErrorProcessor,
    ]
    if hasattr(request, "HTTPSHandler"):  # some builds of Python lack ssl
        handlers.append(request.HTTPSHandler)
    for handler in handlers:
        opener.add_handler(handler())
    return opener


def _refusal(error: Any) -> str:
    """Why a server does not give a file, in plain words."""
    if not 300 <= error.code < 400:
        return f"the server answers {error.code} {error.reason}"
    if "infinite loop" in str(error.reason):
        return "it is redirected too often, or in a circle"
    return "it is redirected to where is not followed: from https to http, or to another kind"


def _network(wanted: Wanted, error: Exception) -> Exception:
    """A Cut, unless the next try cannot go better."""
    import socket

    why = getattr(error, "reason", error)
    if isinstance(why, socket.gaierror):  # mostly there is no network, so nobody shall wait
        return wanted.not_read(f"its server is not found ({_words(why)})")
    if type(why).__name__ == "SSLCertVerificationError":  # ssl is not loaded for its name
        return wanted.not_read(f"its certificate is not trusted ({_words(why)})")
    if isinstance(error, ValueError) or type(error).__name__ == "InvalidURL":
        return wanted.not_read(f"this is no address ({_words(why)})")
    if isinstance(why, str) and why.startswith("unknown url type"):
        return wanted.not_read(f"{why}; this Python may have been built without ssl")
    return Cut(_words(why))


def _words(error: Any) -> str:
    if isinstance(error, TimeoutError):
        return "the server does not answer in time"
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(told).strip(".").replace("\n", " ")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _tag_of(path: Path) -> str:
    """What a part's version was called; empty where nothing tells."""
    if not path.is_file():
        return ""
    with opened(path) as stream:
        tag = stream.read(_LONGEST_TAG + 1).decode("latin-1")
    return tag if _is_tag(tag) else ""


def _is_tag(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TAG and text.isascii() and text.isprintable()


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _range(text: str) -> tuple[int, int]:
    """The start and the whole length of `bytes 100-199/1000`; -1 and 0 where it is no such."""
    found = _RANGE.fullmatch(text)
    return (int(found[1]), _number(found[2])) if found is not None else (-1, 0)
