"""A local HTTP server that gives files, and fails at them in every way that is asked for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """What the server does with requests.

    cut_at: the connection ends before this byte of the file. cut_tenth: so many tenths of any file
    come, unless it is asked for the rest of one. stall_at: nothing comes from this byte
    on, until the client goes. tag: the ETag; changed between two requests, the file is another one.
    ranges: whether `Range` is understood. status, location: the answer, instead of the file.
    statuses: answers to the next requests, before it is as the others say. lengthless: without
    Content-Length. endless: zeros without an end. shift: how far a range begins behind the one
    that was asked for.
    """

    cut_at: int | None = None
    cut_tenth: int | None = None
    stall_at: int | None = None
    tag: str = '"one"'
    ranges: bool = True
    status: int = 200
    statuses: list[int] = field(default_factory=list)
    location: str = ""
    lengthless: bool = False
    endless: bool = False
    shift: int = 0


@dataclass
class Served:
    """files: by path. asked: (path, Range, If-Range) of every request. sent: bytes of bodies."""

    base: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    does: Behaviour = field(default_factory=Behaviour)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    sent: int = 0
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving() -> Iterator[Served]:
    """Served at `base`, on this machine alone."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None: ...

        def do_GET(self) -> None:
            does = served.does
            asked = self.headers.get("Range", ""), self.headers.get("If-Range", "")
            served.asked.append((self.path, *asked))
            self.close_connection = True
            status = does.statuses.pop(0) if does.statuses else does.status
            if does.location or status != 200:
                self.send_response(302 if does.location else status)
                if does.location:
                    self.send_header("Location", does.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = served.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self._send(content, does, *asked)

        def _send(self, content: bytes, does: Behaviour, wanted: str, condition: str) -> None:
            start = 0
            if wanted and does.ranges and condition in ("", does.tag):
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start += does.shift
                self.send_response(206)
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            else:
                self.send_response(200)
            if does.tag:
                self.send_header("ETag", does.tag)
            if not does.lengthless and not does.endless:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            try:
                self._body(content, does, start)
            except OSError:
                return  # the client has gone

        def _body(self, content: bytes, does: Behaviour, start: int) -> None:
            end = len(content)
            if does.cut_tenth is not None and start == 0:
                end = end * does.cut_tenth // 10
            for limit in (does.cut_at, does.stall_at):
                end = end if limit is None else min(end, limit)
            served.sent += max(0, end - start)  # before: the client may be ahead of this thread
            self.wfile.write(content[start:end])
            while does.endless and not served.over.is_set():
                self.wfile.write(bytes(1 << 16))
                served.sent += 1 << 16
            if does.stall_at is not None:
                self.wfile.flush()
                served.over.wait()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        served.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
