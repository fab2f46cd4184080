"""Downloads files of an archive's HTTP tree into the same tree in a folder.

The same few threads list plates and fetch files. A bounded number of files is under way, so memory
does not grow with the number of files. Every file at its place has been checked.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from galspec_spark.download.part_file import file_sha1
from galspec_spark.download.problems import AbsentError, DamagedError, TooLongError, TransferError
from galspec_spark.download.sas import SHA1_FILE, Archive, names_in_index, read_sha1_sums
from galspec_spark.download.transfer import Transfer
from galspec_spark.download.wanted import Plate
from galspec_spark.errors import UserError
from galspec_spark.harness.progress import Progress
from galspec_spark.harness.run import Run, write_summary
from galspec_spark.warehouse.lock import hold_lock
from galspec_spark.warehouse.storage import Location

#: Failures in a row, damaged files apart, after which the archive is taken to be down.
GIVE_UP_AFTER = 100
#: Files under way or waiting for a connection.
WINDOW_PER_CONNECTION = 4
#: Files that the summary names for each cause of failure.
EXAMPLES = 10

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class WantedFile:
    """A file to fetch."""

    path: str  #: below the archive's root, and below the output folder
    sha1: str | None


@dataclass(frozen=True)
class Outcome:
    """The outcome of fetching a file or listing a folder."""

    path: str
    status: Literal["fetched", "already_there", "missing", "failed"]
    bytes: int = 0
    by_sha1: bool = False
    cause: str = ""
    answered: bool = True  #: False if the archive failed to answer


@dataclass(frozen=True)
class Failure:
    """One cause of failures."""

    cause: str
    count: int
    first: list[str]  #: paths


@dataclass
class Tally:
    """Counts of outcomes."""

    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("fetched", "already_there", "missing", "failed"), 0)
    )
    bytes: int = 0
    checked_by_sha1: int = 0
    causes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    failures_in_a_row: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.counts[outcome.status] += 1
        self.bytes += outcome.bytes
        self.checked_by_sha1 += outcome.by_sha1
        if outcome.cause:
            self.causes[outcome.cause] += 1
            if len(self.examples[outcome.cause]) < EXAMPLES:
                self.examples[outcome.cause].append(outcome.path)
        self.failures_in_a_row = 0 if outcome.answered else self.failures_in_a_row + 1

    def failures(self) -> list[Failure]:
        """Return the failures by cause, the most frequent first."""
        causes = sorted(self.causes.items(), key=lambda item: -item[1])
        return [Failure(cause, count, self.examples[cause]) for cause, count in causes]

    def summary(self) -> dict[str, object]:
        """Return the counts, and the failures by cause."""
        return {
            "wanted": sum(self.counts.values()),
            **self.counts,
            "bytes": self.bytes,
            "checked_by_sha1": self.checked_by_sha1,
            "failures": self.failures(),
        }


def download(
    run: Run, archive: Archive, plates: Iterable[Plate], plate_count: int, output: Path
) -> dict[str, object]:
    """Fetch the wanted files of plates, except those that the output folder has.

    Returns
    -------
    dict
        The content of the job's summary.

    Raises
    ------
    UserError
        If another download uses the folder. If a file is missing or failed, once the others were
        fetched and the summary was written.
    """
    tally = Tally()
    connections = run.config.download.connections
    with (
        hold_lock(Location.of(output), run.id),
        closing(Transfer(run.config.download)) as transfer,
        _threads(connections, transfer) as pool,
    ):
        log.info("download: %s plates from %s", f"{plate_count:,}", archive.url(archive.release))
        find = partial(_find, transfer, archive)
        obtain = partial(_obtain, transfer, archive, output)
        progress = Progress("download", plate_count, "files")

        def found() -> Iterator[WantedFile | Outcome]:
            files = 0
            for number, items in enumerate(as_finished(pool, find, plates, connections), 1):
                files += len(items)
                progress.total = max(round(files * plate_count / number), files)
                yield from items

        for outcome in as_finished(pool, obtain, found(), WINDOW_PER_CONNECTION * connections):
            tally.add(outcome)
            progress.advance()
            if tally.failures_in_a_row >= GIVE_UP_AFTER:
                break
        progress.finish()
    return _result(run, archive, tally, output)


def _result(run: Run, archive: Archive, tally: Tally, output: Path) -> dict[str, object]:
    summary = {"source": archive.url(archive.release), "kind": archive.kind, **tally.summary()}
    failures = tally.failures()
    if not failures:
        return summary
    write_summary(output, run, {"status": "incomplete", **summary})
    main, wanted = failures[0], sum(tally.counts.values())
    lost = tally.counts["missing"] + tally.counts["failed"]
    raise UserError(
        f"{lost:,} of {wanted:,} files could not be fetched, {main.count:,} because: "
        f"{main.cause} (first: {main.first[0]}); "
        + (
            f"gave up after {GIVE_UP_AFTER} failures in a row; "
            if tally.failures_in_a_row >= GIVE_UP_AFTER
            else ""
        )
        + f"causes are in {output / 'summary.json'}; run the same command again for the rest"
    )


def _find(transfer: Transfer, archive: Archive, plate: Plate) -> list[WantedFile | Outcome]:
    """Return the wanted files of a plate, with their SHA-1 sums where the archive has them."""
    items: list[WantedFile | Outcome] = []
    folders = archive.folders(plate)
    for folder in folders:  # grows by the nights of a field
        url, index = archive.url(folder) + "/", ""
        try:
            index = transfer.page(url)
        except AbsentError:
            pass  # some archives do not list folders, and some plates lack the second folder
        except TransferError as error:
            if plate.names is None:
                items.append(Outcome(folder, "failed", cause=str(error), answered=False))
            else:
                log.warning("%s: %s; files are checked by length alone", url, error)
        names = plate.names or names_in_index(index, url, archive.file_name(plate))
        sums = _sums(transfer, index, url) if names else {}
        items += [WantedFile(f"{folder}/{name}", sums.get(name)) for name in names]
        folders += archive.nights(plate, folder, index) if folder == folders[0] else []
    return items or [Outcome(folders[0], "missing", cause=str(AbsentError()))]


def _sums(transfer: Transfer, index: str, url: str) -> dict[str, str]:
    sums: dict[str, str] = {}
    for name in names_in_index(index, url, SHA1_FILE):
        try:
            sums |= read_sha1_sums(transfer.page(url + name))
        except TransferError as error:
            log.warning("%s%s: %s; files are checked by length alone", url, name, error)
    return sums


def _obtain(
    transfer: Transfer, archive: Archive, output: Path, item: WantedFile | Outcome
) -> Outcome:
    """Fetch a file unless the output folder has it."""
    if isinstance(item, Outcome):
        return item
    place = output / item.path
    by_sha1 = item.sha1 is not None
    if place.exists() and (item.sha1 is None or file_sha1(place) == item.sha1):
        return Outcome(item.path, "already_there", by_sha1=by_sha1)
    try:
        size = transfer.fetch(archive.url(item.path), place, item.sha1)
    except AbsentError as error:
        return Outcome(item.path, "missing", cause=str(error))
    except (DamagedError, TooLongError) as error:
        return Outcome(item.path, "failed", cause=str(error))
    except TransferError as error:
        return Outcome(item.path, "failed", cause=str(error), answered=False)
    return Outcome(item.path, "fetched", size, by_sha1)


def as_finished(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], window: int
) -> Iterator[R]:
    """Apply a function to items in threads, `window` at once; yield results as they finish."""
    waiting: set[Future[R]] = set()
    for item in items:
        waiting.add(pool.submit(function, item))
        if len(waiting) == window:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in done)


@contextmanager
def _threads(count: int, transfer: Transfer) -> Iterator[ThreadPoolExecutor]:
    """Open a pool of threads; stop transfers and drop waiting items when the work ends early."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        transfer.stop()
        pool.shutdown(cancel_futures=True)
