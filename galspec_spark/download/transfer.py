"""Fetches one file from an HTTP server that may stall, cut, refuse or lie."""

from __future__ import annotations

import contextlib
import random
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3 import exceptions as http

from galspec_spark import __version__
from galspec_spark.config import DownloadConfig
from galspec_spark.download.part_file import PartFile
from galspec_spark.download.problems import (
    AbsentError,
    DamagedError,
    TooLongError,
    TransferError,
    http_problems,
)

CHUNK = 1 << 16  # bytes
PAGE_LIMIT = 1 << 24  # bytes of an index or a list of sums; those of a plate have < 1 MB
REDIRECTS = 5  # followed for one request

#: HTTP statuses that may pass; other refusals are final.
PASSING = (408, 425, 429, 500, 502, 503, 504)
ABSENT = (404, 410)

T = TypeVar("T")


class Transfer:
    """A pool of connections; its methods may be called from several threads."""

    def __init__(self, config: DownloadConfig) -> None:
        self.config = config
        self._stopped = threading.Event()
        self._pool = PoolManager(
            maxsize=config.connections,
            headers={
                "User-Agent": f"galspec_spark/{__version__}",
                "Accept-Encoding": "identity",  # lengths and sums refer to the file itself
            },
            timeout=Timeout(connect=config.connect_timeout, read=config.read_timeout),
            retries=Retry(  # `_persist` retries: urllib3 stops retrying where a body begins
                total=None,
                connect=False,
                read=False,
                other=False,
                status=0,
                respect_retry_after_header=False,
            ),
        )

    def stop(self) -> None:
        """Stop running transfers soon, and refuse new ones."""
        self._stopped.set()

    def close(self) -> None:
        """Close the connections; call it when no thread uses them any more."""
        self._pool.clear()

    def page(self, url: str) -> str:
        """Return the text at an address, such as the index of a folder.

        Raises
        ------
        TransferError
            If the transfer failed; `AbsentError` if the server has no such file.
        """

        def attempt() -> str:
            with self._get(url) as response, http_problems():
                content = bytearray()
                for piece in response.stream(CHUNK, decode_content=False):
                    content += piece
                    if len(content) > PAGE_LIMIT:
                        raise TooLongError("an index is too long")
                return content.decode("utf-8", "replace")

        return self._persist(attempt)

    def fetch(self, url: str, place: Path, sha1: str | None) -> int:
        """Fetch a file to its place; resume where an earlier attempt or run ended.

        Parameters
        ----------
        sha1
            SHA-1 sum of the file; None only checks that it is whole FITS blocks.

        Returns
        -------
        int
            The file's size in bytes.

        Raises
        ------
        TransferError
            If the transfer failed; `AbsentError` if the server has no such file.
        """
        place.parent.mkdir(parents=True, exist_ok=True)
        part = PartFile(place)

        def attempt() -> None:
            if not self._get_part(url, part):
                part.discard()
                self._get_part(url, part)
            problem = part.problem(sha1)
            if problem:
                part.discard()
                raise DamagedError(problem)

        self._persist(attempt, gained=part.size)
        size = part.size()
        part.finish()
        return size

    def _get_part(self, url: str, part: PartFile) -> bool:
        """Fetch the missing bytes of a file; return False if the file has to begin anew."""
        start, validator = part.size(), part.validator()
        if start and not validator:
            return False
        headers = {"Range": f"bytes={start}-", "If-Range": validator} if start else {}
        with self._get(url, headers) as response, http_problems():
            if response.status == 416:  # the part is longer than the file
                return False
            resumes = response.status == 206
            if resumes and (_range_start(response) != start or _validator(response) != validator):
                return False
            if not resumes:
                part.begin(_validator(response))
            try:
                self._store(response, part)
            except TooLongError:
                part.discard()
                raise
        return True

    def _store(self, response: BaseHTTPResponse, part: PartFile) -> None:
        """Append a body to a part; its length is what the archive says, within our own limit."""
        size, limit = part.size(), self.config.file_megabytes * 10**6
        if size + (_length(response) or 0) > limit:
            raise TooLongError("longer than download.file_megabytes")
        with part.path.open("ab") as file:
            for chunk in response.stream(CHUNK, decode_content=False):
                size += len(chunk)
                if size > limit:
                    raise TooLongError("longer than download.file_megabytes")
                file.write(chunk)
                if self._stopped.is_set():
                    raise TransferError("stopped", passing=False)

    @contextlib.contextmanager
    def _get(self, url: str, headers: dict[str, str] | None = None) -> Iterator[BaseHTTPResponse]:
        """Open a response of status 200; for a range also of 206 and 416."""
        with http_problems():
            response = self._follow(url, headers or {})
        try:
            if response.status in ABSENT:
                raise AbsentError
            if response.status != 200 and not (headers and response.status in (206, 416)):
                raise TransferError(
                    f"HTTP status {response.status}",
                    passing=response.status in PASSING,
                    wait=_retry_after(response),
                )
            yield response
        finally:  # a body read to its end has already returned its connection, open
            response.close()
            response.release_conn()

    def _follow(self, url: str, headers: dict[str, str]) -> BaseHTTPResponse:
        """Open a response where redirects lead; urllib3 would read the body of each in memory."""
        for _ in range(REDIRECTS + 1):
            response = self._pool.request(
                "GET",
                url,
                headers={**self._pool.headers, **headers},
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
            target = response.get_redirect_location()
            if not target:
                return response
            response.close()
            url = urljoin(url, target)
            if urlsplit(url).scheme not in ("http", "https"):
                raise TransferError("a redirect leads away from http", passing=False)
        raise TransferError("too many redirects", passing=False)

    def _persist(self, attempt: Callable[[], T], gained: Callable[[], int] = lambda: 0) -> T:
        """Repeat an attempt until it succeeds, or fails too often without gaining a byte."""
        failures, most = 0, gained()
        while True:
            try:
                if self._stopped.is_set():
                    raise TransferError("stopped", passing=False)
                return attempt()
            except TransferError as error:
                failures += 1
                if gained() > most:
                    failures, most = 1, gained()
                if not error.passing or failures >= self.config.attempts:
                    raise
                self._stopped.wait(self._pause(failures, error.wait))

    def _pause(self, failures: int, requested: float | None) -> float:
        """Return the seconds before the next attempt; random, so that connections spread."""
        pause = requested or self.config.pause * 2 ** (failures - 1) * random.uniform(0.5, 1)
        return min(pause, self.config.pause_max)


def _validator(response: BaseHTTPResponse) -> str:
    """Return the strong ETag, else the date of change: If-Range takes no weak ETag (RFC 9110)."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _length(response: BaseHTTPResponse) -> int | None:
    """Return the length that the server claims for a body."""
    length = response.headers.get("Content-Length", "")
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None


def _range_start(response: BaseHTTPResponse) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _retry_after(response: BaseHTTPResponse) -> float | None:
    try:
        return Retry().get_retry_after(response)
    except http.InvalidHeader:
        return None
