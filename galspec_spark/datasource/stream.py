"""``spark.readStream.format("galspec")``: files as they come, each once.

A file is known by its path. Which files a batch has is settled by the list of files
(`galspec_spark.datasource.file_log`) before Spark hears of it, so that a batch that is run again
after a crash has the same files. A sink that takes a batch once, such as Spark's Parquet files,
then has each file once.

A file may be found while it is still being written. The task that cannot read it tries again until
nothing has been written to it for some seconds.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark.sql.datasource import DataSourceStreamReader, InputPartition
from pyspark.sql.types import StructType

from galspec_spark.datasource.file_log import FileLog
from galspec_spark.datasource.one_line import in_one_line
from galspec_spark.datasource.options import Options
from galspec_spark.datasource.source import SpectraReader, files_of_tasks
from galspec_spark.errors import UserError
from galspec_spark.ingest.listing import list_files
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.opening import open_source
from galspec_spark.readers.rows import Row
from galspec_spark.readers.source import Source
from galspec_spark.warehouse.storage import Location, write_json

#: A file that cannot be read is tried again until it has been left alone for so long: seconds.
SETTLED = 10.0
#: Folder in that of the list: for each file that was left out, why.
LEFT_OUT = "left_out"

#: Whether this Spark asks for batches of a limited size.
HAS_LIMITS = hasattr(DataSourceStreamReader, "getDefaultReadLimit")

#: The end of a batch: a count of the files of a list, and the list's identifier.
Offset = dict[str, int | str]


class RefusedStream(DataSourceStreamReader):
    """Tells what is wrong when Spark asks for an offset: Spark loses an error of `streamReader`."""

    def __init__(self, error: UserError) -> None:
        self._error = error

    @in_one_line()
    def initialOffset(self) -> Offset:
        """Fail."""
        raise self._error

    @in_one_line()
    def latestOffset(self) -> Offset:  # type: ignore[override]  # of a query that goes on
        """Fail."""
        raise self._error

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Never called."""
        raise self._error


class SpectraStream(DataSourceStreamReader):
    """Takes all files that are there as one batch."""

    def __init__(self, schema: StructType, options: Options) -> None:
        if options.log is None:
            raise UserError(
                "galspec needs the option log to read a stream: a folder for the list of the files "
                "that it took, for example checkpoint/files below the checkpoint's folder"
            )
        if options.max_files_per_trigger is not None and not HAS_LIMITS:
            raise UserError("maxFilesPerTrigger needs Spark 4.2 or later: leave it out")
        self._options = options
        self._folder = Location.of(options.log)
        self._reader = PatientReader(schema, options, self._folder / LEFT_OUT)
        self._log: FileLog | None = None  # each task has a copy of this object, and needs none

    @in_one_line()
    def initialOffset(self) -> Offset:
        """Return the offset before the first file."""
        return self.offset(0)

    @in_one_line()
    def latestOffset(self) -> Offset:  # type: ignore[override]  # of Spark before 4.2
        """Take what is new, and return the offset behind it."""
        return self.offset(self.take())

    @in_one_line()
    def partitions(self, start: Offset, end: Offset) -> Sequence[InputPartition]:
        """Divide the files of a batch into tasks."""
        first, stop = self.position(start), self.position(end)
        return files_of_tasks(self.log.files.slice(first, stop - first))

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Decode the files of one task."""
        return self._reader.read(partition)

    def stop(self) -> None:
        """Let another query use the list."""
        if self._log is not None:
            self._log.close()

    @property
    def log(self) -> FileLog:
        """The list, opened when it is first needed."""
        if self._log is None:
            self._log = FileLog(self._folder)
        return self._log

    def take(self) -> int:
        """Add new files to the list; return how many it has."""
        self.log.append(list_files(self._options.paths, may_be_empty=True).files)
        return len(self.log)

    def offset(self, position: int) -> Offset:
        """Return the offset behind so many files."""
        return {"files": position, "log": self.log.id}

    def position(self, offset: Offset) -> int:
        """Return how many files are before an offset.

        Raises
        ------
        UserError
            If the offset is of another list.
        """
        position = int(offset["files"])
        if offset["log"] != self.log.id or position > len(self.log):
            raise UserError(
                f"the checkpoint belongs to another list of files than that in {self._folder}: "
                "restore that list, or begin with a new checkpoint"
            )
        return position


class PatientReader(SpectraReader):
    """Waits for files that are still being written, and notes which it leaves out."""

    def __init__(self, schema: StructType, options: Options, notes: Location) -> None:
        super().__init__(schema, options)
        self._notes = notes

    def decoded(self, source: Source | BadFile, path: str, size: int) -> list[Row]:
        """Return the rows of a file, however much of it was there when it was listed."""
        while True:
            try:
                return super().decoded(source, path, size)
            except BadFile as error:
                if error.reason == "bad_name":
                    raise
                now = Location(path).status()
                if now.size == size and abs(time.time() - now.mtime_ns / 1e9) > SETTLED:
                    raise
                if now.size == size:
                    time.sleep(SETTLED / 20)
                size = now.size
            try:
                source = open_source(path, size)
            except BadFile as error:
                source = error

    def left_out(self, path: str, error: BadFile) -> None:
        """Tell of a file, and keep a note under the same name however often it is tried."""
        super().left_out(path, error)
        note = {"file": path, "reason": error.reason, "message": error.message}
        name = hashlib.sha256(path.encode()).hexdigest()[:16]
        write_json(self._notes / f"{name}.json", note)
