"""An archive on this machine that serves files over HTTP, well or as badly as it is told."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: How one request for a file is answered.
Answer = Callable[["Handler", bytes], None]


class Archive:
    """A server in a thread of this process; use it in a with statement.

    It lists folders and puts the sums of their files beside them, as SDSS's does.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}  #: by path, without a slash in front
        self.scripts: dict[str, Iterator[Answer]] = {}  #: answers to come; afterwards it is `serve`
        self.links: list[str] = []  #: further links in every index
        self.has_sums = True
        self.requests: list[tuple[str, str | None]] = []  #: path, and range asked for
        self.closing = threading.Event()
        self._lock = threading.Lock()
        handler = type("BoundHandler", (Handler,), {"archive": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/sas"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Archive:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def script(self, path: str, answers: Iterable[Answer]) -> None:
        """Tell how the next requests for a path are answered."""
        self.scripts[path] = iter(answers)

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(requested == path for requested, _ in self.requests)

    def answer(self, path: str, wanted_range: str | None) -> tuple[Answer, bytes | None]:
        """Return the next answer, and the content; None where there is none."""
        with self._lock:
            self.requests.append((path, wanted_range))
            answer = next(self.scripts.get(path, iter(())), serve)
        if path.endswith("/"):
            return answer, self._index(path)
        if path.endswith(".sha1sum"):
            return answer, self.files.get(path) or self._sums(path.rpartition("/")[0] + "/")
        return answer, self.files.get(path)

    def _names(self, folder: str) -> list[str]:
        names = (path.removeprefix(folder) for path in self.files if path.startswith(folder))
        return [name for name in names if "/" not in name]

    def _sums(self, folder: str) -> bytes:
        lines = (
            f"{hashlib.sha1(self.files[folder + name]).hexdigest()}  {name}\n"
            for name in self._names(folder)
        )
        return "".join(lines).encode()

    def _index(self, folder: str) -> bytes | None:
        names = self._names(folder)
        below = (path.removeprefix(folder) for path in self.files if path.startswith(folder))
        folders = sorted({f"{name.partition('/')[0]}/" for name in below if "/" in name})
        if not names and not folders:
            return None
        if self.has_sums and names:
            names.append(folder.strip("/").replace("/", "_") + ".sha1sum")
        names += names  # an icon and a name link alike
        links = ["../", "?C=N;O=D", *folders, *names, *self.links]
        return "".join(f'<a href="{link}">{link}</a>\n' for link in links).encode()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    archive: Archive
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has left
            super().handle()

    def do_GET(self) -> None:
        path = self.path.removeprefix("/sas/")
        answer, content = self.archive.answer(path, self.headers["Range"])
        if content is None:
            refuse(404)(self, b"")
        else:
            answer(self, content)

    def head(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def etag_of(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def serve(handler: Handler, content: bytes) -> None:
    """Serve a file, or the range of it that is asked for."""
    start = _range_start(handler, content)
    if start is None:
        handler.head(200, len(content), ETag=etag_of(content))
        handler.wfile.write(content)
    elif start >= len(content):
        handler.head(416, 0, Content_Range=f"bytes */{len(content)}")
    else:
        size = len(content)
        span = f"bytes {start}-{size - 1}/{size}"
        handler.head(206, size - start, ETag=etag_of(content), Content_Range=span)
        handler.wfile.write(content[start:])


def _range_start(handler: Handler, content: bytes) -> int | None:
    wanted = handler.headers["Range"]
    if not wanted or handler.headers["If-Range"] != etag_of(content):
        return None
    return int(wanted.removeprefix("bytes=").removesuffix("-"))


def cut(count: int) -> Answer:
    """Promise what `serve` would, and close the connection after so many bytes."""

    def answer(handler: Handler, content: bytes) -> None:
        start = _range_start(handler, content) or 0
        size = len(content)
        span = {"Content_Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        handler.head(206 if start else 200, size - start, ETag=etag_of(content), **span)
        handler.wfile.write(content[start : start + count])
        handler.close_connection = True

    return answer


def cut_without_range(count: int) -> Answer:
    """Cut, and know no ranges."""

    def answer(handler: Handler, content: bytes) -> None:
        handler.head(200, len(content), ETag=etag_of(content))
        handler.wfile.write(content[:count])
        handler.close_connection = True

    return answer


def whole(handler: Handler, content: bytes) -> None:
    """Serve the whole file whatever is asked for, with nothing to know its version by."""
    handler.head(200, len(content))
    handler.wfile.write(content)


def stall(seconds: float, *, after: int = 0) -> Answer:
    """Stop after so many bytes of the file, for a while."""

    def answer(handler: Handler, content: bytes) -> None:
        handler.head(200, len(content), ETag=etag_of(content))
        handler.wfile.write(content[:after])
        handler.archive.closing.wait(seconds)
        handler.wfile.write(content[after:])

    return answer


def mute(handler: Handler, content: bytes) -> None:
    """Accept the request and never answer."""
    handler.archive.closing.wait(60)
    handler.close_connection = True


def refuse(status: int, **headers: str) -> Answer:
    """Answer with an error, in HTML as servers do."""

    def answer(handler: Handler, content: bytes) -> None:
        page = b"<html><a href='spec-0266-51630-0001.fits'>no</a></html>"
        handler.head(status, len(page), **headers)
        handler.wfile.write(page)

    return answer


def redirect(address: str) -> Answer:
    """Send the client elsewhere."""

    def answer(handler: Handler, content: bytes) -> None:
        handler.head(302, 0, Location=address)

    return answer


def claim(length: int) -> Answer:
    """Lie about the length."""

    def answer(handler: Handler, content: bytes) -> None:
        handler.head(200, length, ETag=etag_of(content))
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def unmeasured(handler: Handler, content: bytes) -> None:
    """Serve without a length: the file ends with the connection."""
    handler.head(200, None, Connection="close")
    handler.wfile.write(content)


def instead(other: bytes) -> Answer:
    """Serve something else."""

    def answer(handler: Handler, content: bytes) -> None:
        serve(handler, other)

    return answer


def endless(status: int = 200, **headers: str) -> Answer:
    """Serve without an end."""

    def answer(handler: Handler, content: bytes) -> None:
        handler.head(status, None, Connection="close", **headers)
        handler.close_connection = True
        with suppress(OSError):  # until the client hangs up
            handler.wfile.write(b"SIMPLE")
            while not handler.archive.closing.is_set():
                handler.wfile.write(bytes(1 << 16))

    return answer


def in_small_chunks(handler: Handler, content: bytes) -> None:
    """Serve in chunks of a few bytes."""
    handler.head(200, None, Transfer_Encoding="chunked")
    for first in range(0, len(content), 4):
        piece = content[first : first + 4]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")
