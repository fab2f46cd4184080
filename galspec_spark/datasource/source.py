"""A Spark data source: ``spark.read.format("galspec").load(path)`` gives spectra as rows.

It uses the readers of ingest, without a warehouse. Spark finds the source by itself where this
package is installed; elsewhere, call ``spark.dataSource.register(GalspecDataSource)``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import datasource
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from galspec_spark.errors import UserError
from galspec_spark.ingest.listing import list_files, tasks_of
from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import in_sky_order, spectra_table
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.opening import open_sources
from galspec_spark.readers.rows import Row
from galspec_spark.warehouse.schemas import PROVENANCE, SPECTRA

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
        ``true`` applies filters on names, numbers and positions before pixels are converted. Spark
        needs ``spark.sql.python.filterPushdown.enabled=true`` as well.

    A schema with fewer columns, ``spark.read.format("galspec").schema("z double, ...")``, converts
    only those.
    """

    @classmethod
    def name(cls) -> str:
        """Return the name for ``format``."""
        return "galspec"

    def schema(self) -> StructType:
        """Return all columns."""
        return from_arrow_schema(SCHEMA)

    def reader(self, schema: StructType) -> DataSourceReader:
        """Return the reader of the columns in a schema."""
        columns = {field.name: field.dataType for field in self.schema()}
        for field in schema:
            if columns.get(field.name) != field.dataType:
                column = f"{field.name} {field.dataType.simpleString()}"
                raise UserError(f"galspec has no column {column!r}; without .schema it shows all")
        if str(self.options.get("pushFilters", "false")).lower() == "true":
            if not hasattr(datasource, "Filter"):
                raise UserError("pushFilters needs Spark 4.1 or later: leave it out")
            from galspec_spark.datasource.pushdown import FilteringReader

            return FilteringReader(schema, dict(self.options))
        return SpectraReader(schema, dict(self.options))


@dataclass
class FilesOfTask(InputPartition):
    """The files of one task: path and size of each."""

    files: list[tuple[str, int]]


class SpectraReader(DataSourceReader):
    """Reads files in tasks of about equal bytes."""

    def __init__(self, schema: StructType, options: dict[str, str]) -> None:
        options = {key.lower(): value for key, value in options.items()}
        paths = json.loads(options.get("paths", "[]")) or [options.get("path")]
        if paths == [None]:
            raise UserError('galspec needs a path: spark.read.format("galspec").load(path)')
        self._paths = paths
        self._schema = to_arrow_schema(schema)
        self._survey, self._release = options.get("survey"), options.get("release")
        self._ignore = options.get("ignorecorruptfiles", "false").lower() == "true"

    def partitions(self) -> Sequence[InputPartition]:
        """List the files and divide them into tasks."""
        listing = list_files(self._paths).files
        return [
            FilesOfTask(list(zip(task["path"].to_pylist(), task["size"].to_pylist(), strict=True)))
            for task in tasks_of(listing, TASK_BYTES, 1)
        ]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Decode the files of one task."""
        assert isinstance(partition, FilesOfTask)
        rows: list[Row] = []
        for row in self._rows(partition.files):
            rows.append(row)
            if len(rows) == BATCH:
                yield from self._batches(rows)
                rows = []
        if rows:
            yield from self._batches(rows)

    def wanted(self, row: Row) -> bool:
        """Tell whether a row is requested."""
        return self._survey in (None, row["survey"])

    def _rows(self, files: list[tuple[str, int]]) -> Iterator[Row]:
        for (path, _), source in zip(files, open_sources(files), strict=True):
            try:
                if isinstance(source, BadFile):
                    raise source
                rows = read_spectra(source)[1]
            except BadFile as error:
                message = f"{path}: {error.reason}: {error.message}"
                if not self._ignore:
                    raise UserError(f"{message} (ignoreCorruptFiles=true skips it)") from None
                log.warning("left out %s", message)
                continue
            for row in rows:
                names = [row["survey"], self._release, row["key"]]
                row["spectrum_id"] = "-".join(name for name in names if name)
                row["release"], row["file"] = self._release, path
                if self.wanted(row):
                    yield row

    def _batches(self, rows: list[Row]) -> Iterator[pa.RecordBatch]:
        yield from spectra_table(in_sky_order(rows), {}, self._schema).to_batches()
