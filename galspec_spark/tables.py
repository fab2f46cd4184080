"""The warehouse: a folder of Parquet tables that changes as a whole or not at all.

Tasks write Parquet parts into the run's own staging folder and tell the driver their names. The
driver then writes down all it is going to do (the journal), does it by renaming, and removes the
journal. A run killed before the journal leaves nothing but staged parts, which the next run
deletes; a run killed after it is completed by whoever opens the warehouse next.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from galspec_spark.errors import UserError
from galspec_spark.provenance import Run, write_json

#: The job that makes each table, for the message where it is missing.
MADE_BY = {
    "spectra": "jobs/ingest.py --input DIR",
    "files": "jobs/ingest.py --input DIR",
    "restframe": "jobs/preprocess.py",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Warehouse:
    """The tables in one folder."""

    root: Path

    def table(self, name: str) -> Path:
        """Return the folder of a table."""
        return self.root / name

    def parts(self, name: str) -> list[Path]:
        """Return the Parquet files of a table, sorted."""
        if self._journal.exists():
            with (self.root / "_lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # a live writer is about to finish
                self._recover()
        return sorted(self.table(name).rglob("*.parquet"))

    def read(self, spark: SparkSession, name: str) -> DataFrame:
        """Open a table.

        Raises
        ------
        UserError
            If the table is not there; the message names the job that makes it.
        """
        if not self.parts(name):
            raise UserError(
                f"no table {name!r} in the warehouse {self.root}: make it with "
                f"spark-submit {MADE_BY[name]} --warehouse {self.root}"
            )
        return spark.read.parquet(str(self.table(name).absolute()))

    @contextmanager
    def writing(self, run: Run) -> Iterator[Path]:
        """Hold the warehouse for one writer, and offer a staging folder that vanishes afterwards.

        Raises
        ------
        UserError
            If another job is writing. The lock is the process's own: it ends when the process does.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        staging = self.root / "_staging"
        with (self.root / "_lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"another job is writing to the warehouse {self.root}: wait until it ends"
                ) from None
            self._recover()
            shutil.rmtree(staging, ignore_errors=True)
            try:
                (staging / run.id).mkdir(parents=True)
                yield (staging / run.id).absolute()
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def commit(self, move: Iterable[tuple[Path, Path]], remove: Iterable[Path] = ()) -> None:
        """Bring staged files to their places and remove old ones, as one change.

        Parameters
        ----------
        move
            Pairs of a staged file or folder and its place.
        remove
            Files that the change replaces; none of them may be a place.
        """
        steps = {
            "remove": [str(path.absolute()) for path in remove],
            "move": [[str(old.absolute()), str(new.absolute())] for old, new in move],
        }
        write_json(self._journal, steps)
        self._apply(steps)

    @property
    def _journal(self) -> Path:
        return self.root / "_journal.json"

    def _recover(self) -> None:
        if self._journal.exists():
            log.warning("completing a change to %s that an earlier run left unfinished", self.root)
            self._apply(json.loads(self._journal.read_text(encoding="utf-8")))

    def _apply(self, steps: dict[str, Any]) -> None:
        for path in steps["remove"]:
            Path(path).unlink(missing_ok=True)
        for old, new in steps["move"]:
            if Path(old).exists():  # else it is at its place since before an interruption
                Path(new).parent.mkdir(parents=True, exist_ok=True)
                Path(old).replace(new)
        self._journal.unlink(missing_ok=True)


def settle(frame: DataFrame, path: Path) -> DataFrame:
    """Write a narrow intermediate result as Parquet and read it back.

    What follows starts from the file: nothing is computed twice, and a lost executor loses nothing.
    """
    frame.write.parquet(str(path))
    return frame.sparkSession.read.parquet(str(path))


def part_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a Parquet file for a part of a table.

    Floats are split by byte before zstd: 15 % smaller and faster to scan than the stock encoding.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    split: list[str] = []
    dictionary: list[str] = []
    for field in schema:
        nested = pa.types.is_list(field.type)
        value_type = field.type.value_type if nested else field.type
        column = f"{field.name}.list.element" if nested else field.name
        (split if pa.types.is_floating(value_type) else dictionary).append(column)
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_byte_stream_split=split,
        use_dictionary=dictionary,
    )
