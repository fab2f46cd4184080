"""A Spark data source: ``spark.read.format("galspec").load(path)`` gives spectra as rows.

It uses the readers of ingest, without a warehouse. Spark finds the source by itself where this
package is installed; elsewhere, call ``spark.dataSource.register(GalspecDataSource)``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
from pyspark.sql import datasource
from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceStreamReader,
    InputPartition,
)
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from galspec_spark.datasource.one_line import in_one_line
from galspec_spark.datasource.options import OF_READ, OF_READ_STREAM, Options
from galspec_spark.errors import UserError
from galspec_spark.ingest.listing import list_files, tasks_of
from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import in_sky_order, spectra_table
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.opening import open_sources
from galspec_spark.readers.rows import Row
from galspec_spark.readers.source import Source
from galspec_spark.warehouse.fields import PROVENANCE
from galspec_spark.warehouse.schemas import SPECTRA

#: The columns of the ``spectra`` table, its partition columns among them, without provenance.
SCHEMA = pa.schema(
    [f for f in SPECTRA if f not in PROVENANCE]
    + [pa.field("survey", pa.string()), pa.field("release", pa.string())]
)
#: Spectra in one Arrow batch: some 30 MB.
BATCH = 500
TASK_BYTES = 64e6

log = logging.getLogger(__name__)


class GalspecDataSource(DataSource):
    """Spectra in FITS files of SDSS, LAMOST and DESI.

    A path is a file, a folder, or a pattern (`galspec_spark.ingest.globs`). Any other option than
    these is refused.

    Options
    -------
    survey
        Only spectra of this survey: ``sdss``, ``lamost`` or ``desi``.
    release
        Name of the data release, for the column ``release`` and the ``spectrum_id``; else null.
    ignoreCorruptFiles
        ``true`` leaves out files that cannot be read, with a warning; otherwise the first such
        file fails the read, as in Spark's own sources.
    pushFilters
        Of ``read``: ``true`` applies filters on names, numbers and positions before pixels are
        converted. Spark needs ``spark.sql.python.filterPushdown.enabled=true`` as well.
    log
        Of ``readStream``, which needs it: the folder for its list of files
        (`galspec_spark.datasource.file_log`).
    maxFilesPerTrigger
        Of ``readStream``: most files in a batch.

    A schema with fewer columns, ``spark.read.format("galspec").schema("z double, ...")``, converts
    only those: Spark does not tell a Python source which columns a query reads.
    """

    @in_one_line()
    def __init__(self, options: MutableMapping[str, str]) -> None:
        super().__init__(options)
        Options.of(options, tuple(dict.fromkeys((*OF_READ, *OF_READ_STREAM))))

    @classmethod
    def name(cls) -> str:
        """Return the name for ``format``."""
        return "galspec"

    def schema(self) -> StructType:
        """Return all columns."""
        return from_arrow_schema(SCHEMA)

    @in_one_line()
    def reader(self, schema: StructType) -> DataSourceReader:
        """Return the reader of the columns in a schema."""
        options = Options.of(self.options, OF_READ)
        self._check(schema)
        if not options.push_filters:
            return SpectraReader(schema, options)
        if not hasattr(datasource, "Filter"):
            raise UserError("pushFilters needs Spark 4.1 or later: leave it out")
        from galspec_spark.datasource.pushdown import FilteringReader

        return FilteringReader(schema, options)

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:
        """Return the reader of the columns in a schema, of files as they come."""
        from galspec_spark.datasource import stream

        try:
            options = Options.of(self.options, OF_READ_STREAM)
            self._check(schema)
            if not stream.HAS_LIMITS:
                return stream.SpectraStream(schema, options)
            from galspec_spark.datasource.limits import LimitedStream

            return LimitedStream(schema, options)
        except UserError as error:
            return stream.RefusedStream(error)

    def _check(self, schema: StructType) -> None:
        columns = {field.name: field.dataType for field in self.schema()}
        for field in schema:
            if columns.get(field.name) != field.dataType:
                column = f"{field.name} {field.dataType.simpleString()}"
                raise UserError(f"galspec has no column {column!r}; without .schema it shows all")


@dataclass
class FilesOfTask(InputPartition):
    """The files of one task: path and size of each."""

    files: list[tuple[str, int]]


def files_of_tasks(files: pa.Table) -> list[InputPartition]:
    """Divide listed files into tasks."""
    if not files.num_rows:
        return []
    return [
        FilesOfTask(list(zip(task["path"].to_pylist(), task["size"].to_pylist(), strict=True)))
        for task in tasks_of(files, TASK_BYTES, 1)
    ]


class SpectraReader(DataSourceReader):
    """Reads files in tasks of about equal bytes."""

    def __init__(self, schema: StructType, options: Options) -> None:
        self._options = options
        self._schema = to_arrow_schema(schema)

    @in_one_line()
    def partitions(self) -> Sequence[InputPartition]:
        """List the files and divide them into tasks."""
        return files_of_tasks(list_files(self._options.paths).files)

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Decode the files of one task."""
        assert isinstance(partition, FilesOfTask)
        with in_one_line():
            rows = self._rows(partition.files)
            while batch := list(islice(rows, BATCH)):
                yield from spectra_table(in_sky_order(batch), {}, self._schema).to_batches()

    def wanted(self, row: Row) -> bool:
        """Tell whether a row is requested."""
        return self._options.survey in (None, row["survey"])

    def decoded(self, source: Source | BadFile, path: str, size: int) -> list[Row]:
        """Return the rows of a file, which was opened with a size."""
        if isinstance(source, BadFile):
            raise source
        return read_spectra(source)[1]

    def left_out(self, path: str, error: BadFile) -> None:
        """Tell of a file that cannot be read."""
        log.warning("left out %s: %s: %s", path, error.reason, error.message)

    def _rows(self, files: list[tuple[str, int]]) -> Iterator[Row]:
        release = self._options.release
        for (path, size), source in zip(files, open_sources(files), strict=True):
            try:
                rows = self.decoded(source, path, size)
            except BadFile as error:
                if not self._options.ignore_corrupt_files:
                    message = f"{path}: {error.reason}: {error.message}"
                    raise UserError(f"{message} (ignoreCorruptFiles=true skips it)") from None
                self.left_out(path, error)
                continue
            for row in rows:
                names = [row["survey"], release, row["key"]]
                row["spectrum_id"] = "-".join(name for name in names if name)
                row["release"], row["file"] = release, path
                if self.wanted(row):
                    yield row
