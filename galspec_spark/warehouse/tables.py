"""The warehouse: a folder of Parquet tables that changes as a whole or not at all.

Tasks write Parquet parts into the run's own staging folder and tell the driver their names. The
driver then writes down the whole change (the journal), applies it by renaming, and removes the
journal; each of these is on the disk before the next begins. A run killed before the journal leaves
nothing but staged parts, which the next run deletes; a run killed after it is completed by whoever
opens the warehouse next.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from galspec_spark.errors import UserError
from galspec_spark.warehouse.change import Change, Format
from galspec_spark.warehouse.lock import hold_lock
from galspec_spark.warehouse.parts import REPLACED
from galspec_spark.warehouse.records import read_json
from galspec_spark.warehouse.storage import Location, write_json

#: The job that makes each table, for the message where it is missing.
MADE_BY = {
    "spectra": "galspec ingest --input DIR",
    "files": "galspec ingest --input DIR",
    "restframe": "galspec preprocess",
    "sample": "galspec preprocess",
    "lines": "galspec measure",
    "catalog": "galspec classify --model DIR",
}

#: Format of the tables; a warehouse records it in a file. See `galspec_spark.upkeep.migrate`.
FORMAT, FORMAT_FILE = 2, "_format.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Staging:
    """A writer's folder, which vanishes afterwards, and the right to commit."""

    folder: Location
    check: Callable[[], None]  #: fails if the lock was lost


def place_beside(place: str, table: str) -> str:
    """Return the place of the part of a table that has the rows of a part of another table.

    Of ``spectra``, ``restframe`` and ``lines`` such parts have one name in folders of one name.
    """
    return table + place[place.index("/") :]


class Warehouse:
    """The tables in one folder.

    Parameters
    ----------
    formats
        The formats that may be opened: only a migration reads others than its own.
    """

    def __init__(
        self, root: str | Path | Location, formats: Collection[int] = frozenset({FORMAT})
    ) -> None:
        self.root = Location.of(root)
        self._formats = formats
        self._journal, self._format = self.root / "_journal.json", self.root / FORMAT_FILE
        self._is_checked = False

    def table(self, name: str) -> Location:
        """Return the folder of a table."""
        return self.root / name

    def parts(self, name: str) -> list[Location]:
        """Return the Parquet files of a table, sorted.

        Raises
        ------
        UserError
            If the warehouse has the format of another version.
        """
        self._check_format()
        if self._journal.exists():  # a live writer is about to finish, or a dead one did not
            with hold_lock(self.root, secrets.token_hex(8), wait=True):
                self._recover()
        table = self.table(name)
        if not table.is_folder():
            return []
        paths = (Location(status.path) for status in table.files())
        return sorted(p for p in paths if p.name.endswith(".parquet") and p.name[0] not in "._")

    def existing_parts(self, name: str) -> list[Location]:
        """Return the parts of a table that must exist.

        Raises
        ------
        UserError
            If the table does not exist; the message names the job that makes it.
        """
        parts = self.parts(name)
        if not parts:
            raise UserError(
                f"no table {name!r} in the warehouse {self.root}: make it with "
                f"{MADE_BY.get(name, 'any command')} --warehouse {self.root}"
            )
        return parts

    def counterparts(self, source: str, table: str) -> dict[str, Location]:
        """Return the parts of a table that must exist, by the places of those of another one.

        Each part of the other has the place and name of the part that it is made from.
        """
        parts = self.existing_parts(source)
        return {place_beside(self.place_of(part), table): part for part in parts}

    @contextmanager
    def writing(self, run_id: str) -> Iterator[Staging]:
        """Hold the warehouse for one writer.

        Raises
        ------
        UserError
            If another job is writing.
        """
        self._check_format()
        everything = self.root / "_staging"
        with hold_lock(self.root, run_id) as check:
            self._recover()
            everything.delete_folder()
            try:
                (everything / run_id).make_folder()
                yield Staging(everything / run_id, check)
            finally:
                everything.delete_folder()

    def commit(
        self,
        staging: Staging,
        move: Iterable[tuple[Location, str]],
        remove: Iterable[Location] = (),
        retire: Iterable[Location] = (),
    ) -> None:
        """Move staged files to their places and remove old files, as one change.

        Parameters
        ----------
        move
            Pairs of a staged file and its place, relative to the warehouse.
        remove
            Files that the change replaces; none may be the place of a staged file.
        retire
            The same, but readers that listed them before still find them, until the next change
            that retires any.

        Raises
        ------
        UserError
            If a staged file is gone, or the lock was lost: nothing is changed.
        """
        change = Change(
            remove=[self.place_of(path) for path in remove],
            retire=[self.place_of(path) for path in retire],
            move=[(self.place_of(staged), place) for staged, place in move],
        )
        found = {self.place_of(Location(status.path)) for status in staging.folder.files()}
        gone = [staged for staged, _ in change.move if staged not in found]
        if gone:
            raise UserError(
                f"{self.root / gone[0]} is gone since a task wrote it: nothing was kept; the "
                "warehouse has to be where all machines of the cluster see the same files"
            )
        self._sync([staged for staged, _ in change.move])
        staging.check()
        if all(place != FORMAT_FILE for _, place in change.move):
            self.mark_format()
        if change.retire:
            self.forget_replaced()
        write_json(self._journal, change)
        self._apply(change)

    def place_of(self, place: Location) -> str:
        """Return the path of a file relative to the warehouse."""
        return place.path.removeprefix(f"{self.root.path}/")

    def forget_replaced(self) -> None:
        """Delete the parts that are kept for readers that began before they were replaced."""
        (self.root / REPLACED).delete_folder()

    def mark_format(self) -> None:
        """Record the format of the tables, once."""
        if not self._format.exists():
            write_json(self._format, {"format": FORMAT})

    def format(self) -> int:
        """Return the format of the tables; the present one where there are none."""
        if not self._format.exists():  # version 0.1 recorded none
            return 1 if any((self.root / name).is_folder() for name in MADE_BY) else FORMAT
        remedy = f'write {{"format": {FORMAT}}} to it if this version made the tables'
        return read_json(self._format, Format, remedy).format

    def _check_format(self) -> None:
        if self._is_checked:
            return
        found = self.format()
        if found not in self._formats:
            remedy = "a newer version of galspec_spark made them: use that one"
            if found < FORMAT:
                remedy = f"galspec migrate --warehouse {self.root} brings them to it"
            raise UserError(
                f"{self.root} has tables of format {found}, this version reads {FORMAT}: {remedy}"
            )
        self._is_checked = self._format.exists()

    def _recover(self) -> None:
        if self._journal.exists():
            log.warning("completing a change to %s that an earlier run left unfinished", self.root)
            remedy = "delete it; galspec verify tells whether a table lacks anything"
            self._apply(read_json(self._journal, Change, remedy))

    def _apply(self, change: Change) -> None:
        for path in change.remove:
            (self.root / path).delete()
        for path in change.retire:
            if (self.root / path).exists():  # else moved before an interruption
                (self.root / path).move(self.root / REPLACED / path)
        for staged, place in change.move:
            if (self.root / staged).exists():  # else moved before an interruption
                (self.root / staged).move(self.root / place)
        kept = [f"{REPLACED}/{path}" for path in change.retire]
        self._sync([*change.remove, *change.retire, *kept, *(place for _, place in change.move)])
        self._journal.delete()

    def _sync(self, paths: Iterable[str]) -> None:
        """Put on the disk files, as far as they exist, and the names in the folders above them."""
        if not self.root.is_local:
            return
        found = {str(each) for path in paths for each in (path, *PurePosixPath(path).parents)}
        for place in (self.root / each for each in found):
            if place.exists():
                place.sync()
