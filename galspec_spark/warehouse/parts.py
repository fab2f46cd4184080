"""Parquet parts of tables: written and read by tasks with pyarrow, wherever they are.

Spark's row-wise writer is the slowest part of a job over wide rows, and its access to S3 needs a
connector that Spark does not include. pyarrow needs neither.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from galspec_spark.errors import UserError
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.votable import voparquet_of, without_voparquet

#: Columns that `scan` adds on request: the position of a row.
PART, ROW = "part", "row"
#: Folder of a warehouse with the parts that the last compaction replaced: readers that listed a
#: table before it still find them.
REPLACED = "_replaced"


class PartWriter(pq.ParquetWriter):  # type: ignore[misc]  # pyarrow has no types
    """A part that is open for writing; I/O errors name the file.

    Floats are split by byte before zstd: 15 % smaller and faster to scan than the stock encoding.
    Pages carry checksums, so that a damaged page is an error and never a spectrum: 0.01 % larger,
    as fast. An index tells which values each page has, so that a filter need not read all. What the
    schema says of its columns, as `galspec_spark.warehouse.columns.column` does, is in the footer.

    Raises
    ------
    UserError
        If the part cannot be written, for example on a full disk.
    """

    def __init__(self, place: Location, schema: pa.Schema) -> None:
        remedy = "fix this and run the same command again"
        self._naming_file = partial(_naming_file, place, "write", remedy)
        split: list[str] = []
        dictionary: list[str] = []
        for field in schema:
            for column, value_type in _leaves(field):
                (split if pa.types.is_floating(value_type) else dictionary).append(column)
        with self._naming_file():
            place.parent.make_folder()
            super().__init__(
                place.key,
                without_voparquet(schema),
                **place.arrow,
                compression="zstd",
                use_byte_stream_split=split,
                use_dictionary=dictionary,
                write_page_checksum=True,
                write_page_index=True,
            )
            if described := voparquet_of(schema):
                self.add_key_value_metadata(described)

    def write_table(self, *args: object, **options: object) -> None:
        """Write rows, as `pyarrow.parquet.ParquetWriter.write_table`; all writes lead here."""
        with self._naming_file():
            super().write_table(*args, **options)

    def close(self) -> None:
        """Write the footer."""
        with self._naming_file():
            super().close()


def _leaves(field: pa.Field) -> Iterator[tuple[str, pa.DataType]]:
    """Yield the paths in Parquet of a column's values, and their types."""
    if pa.types.is_struct(field.type):
        for child in field.type:
            for path, value_type in _leaves(child):
                yield f"{field.name}.{path}", value_type
    elif pa.types.is_map(field.type):
        yield f"{field.name}.key_value.key", field.type.key_type
        yield f"{field.name}.key_value.value", field.type.item_type
    elif pa.types.is_list(field.type):
        yield f"{field.name}.list.element", field.type.value_type
    else:
        yield field.name, field.type


def part_writer(place: Location, schema: pa.Schema) -> PartWriter:
    """Open a Parquet file for a part of a table."""
    return PartWriter(place, schema)


class Part(pq.ParquetFile):  # type: ignore[misc]  # pyarrow has no types
    """A part that is open for reading; I/O errors name the file.

    Raises
    ------
    UserError
        If the part cannot be opened, or a page that is read is damaged.
    """

    def __init__(self, place: Location) -> None:
        self._place = place
        self._naming_file = partial(_naming_file, place, "read", "galspec verify tells the remedy")
        with self._naming_file():
            super().__init__(place.key, **place.arrow, page_checksum_verification=True)

    def read(self, *args: object, **options: object) -> pa.Table:
        """Read the whole part, as `pyarrow.parquet.ParquetFile.read`."""
        with self._naming_file():
            return super().read(*args, **options)

    def read_row_group(self, *args: object, **options: object) -> pa.Table:
        """Read a row group, as `pyarrow.parquet.ParquetFile.read_row_group`."""
        with self._naming_file():
            return super().read_row_group(*args, **options)

    def row_groups(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Read columns of all rows, a row group at a time."""
        for group in range(self.num_row_groups):
            yield self.read_row_group(group, list(columns))

    def read_rows(self, rows: npt.ArrayLike, columns: Sequence[str]) -> pa.Table:
        """Read some rows in the given order, and no more of the part than their row groups.

        Raises
        ------
        UserError
            If the part has fewer rows.
        """
        wanted, order = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        if len(wanted) and wanted[-1] >= self.metadata.num_rows:
            raise UserError(
                f"{self._place} has fewer rows than the table sample: run galspec preprocess"
            )
        found, first = [], 0
        for group in range(self.num_row_groups):
            end = first + self.metadata.row_group(group).num_rows
            inside = wanted[(wanted >= first) & (wanted < end)] - first
            if len(inside):
                # Other tasks keep the other cores busy.
                read = self.read_row_group(group, list(columns), use_threads=False)
                found.append(read.take(inside))
            first = end
        return pa.concat_tables(found).take(order.reshape(-1)).combine_chunks()

    def bounds(self, column: str) -> tuple[str, str]:
        """Return the least and greatest text of a column by the footer; empty without rows."""
        index = self.metadata.schema.names.index(column)
        groups = map(self.metadata.row_group, range(self.num_row_groups))
        found = [group.column(index).statistics for group in groups]
        least = min((each.min for each in found), default="")
        return least, max((each.max for each in found), default="")

    def iter_batches(self, *args: object, **options: object) -> Iterator[pa.RecordBatch]:
        """Read in batches, as `pyarrow.parquet.ParquetFile.iter_batches`."""
        with self._naming_file():
            yield from super().iter_batches(*args, **options)


@contextmanager
def _naming_file(place: Location, verb: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(
            f"cannot {verb} {place}: it is not there, or not where all machines of the cluster "
            "see it; if another job replaced it meanwhile, run the same command again"
        ) from error
    except (OSError, pa.ArrowException) as error:
        number = getattr(error, "errno", None)
        cause = os.strerror(number) if number else str(error) or type(error).__name__
        raise UserError(f"cannot {verb} {place}: {cause.splitlines()[0]}; {remedy}") from error


def open_part(place: Location) -> Part:
    """Open a part for reading, also one that a compaction replaced since it was listed."""
    try:
        return Part(place)
    except UserError as error:
        replaced = replaced_place(place)
        if not (isinstance(error.__cause__, FileNotFoundError) and replaced.exists()):
            raise
        return Part(replaced)


def part_exists(place: Location) -> bool:
    """Tell whether `open_part` finds a part."""
    return place.exists() or replaced_place(place).exists()


def replaced_place(place: Location) -> Location:
    """Return where a compaction keeps a part of a table that it replaces."""
    folders = place.path.split("/")
    depth = 2 + len(partition_values(place))  # of table and name
    return Location("/".join(folders[:-depth])) / REPLACED / "/".join(folders[-depth:])


def may_hold(place: Location, column: str, first: str, last: str) -> bool:
    """Tell whether a part may hold texts from `first` to `last`, by the statistics in its footer.

    Parameters
    ----------
    column
        Name of a column of the part that is not nested.
    """
    metadata = open_part(place).metadata
    index = metadata.schema.names.index(column)
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(index).statistics
        if statistics is None or not statistics.has_min_max:
            return True
        if statistics.min <= last and statistics.max >= first:
            return True
    return False


def partition_values(place: Location) -> dict[str, str]:
    """Return the values that folders such as ``survey=sdss`` give to the rows of a part.

    They are those right above the part: folders above the table may have any name.
    """
    folders = reversed(PurePosixPath(place.path).parts[:-1])
    own = reversed([*takewhile(lambda name: "=" in name, folders)])
    return {key: value for key, _, value in (folder.partition("=") for folder in own)}
