"""Checks one Parquet part: all of it can be read, and its schema and footer are true."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galspec_spark.errors import UserError
from galspec_spark.measure.schema import LINES
from galspec_spark.verify.findings import Finding
from galspec_spark.verify.rows import check_rows
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.schemas import CATALOG, FILES, RESTFRAME, SAMPLE, SPECTRA
from galspec_spark.warehouse.storage import Location

SCHEMAS = {
    "spectra": SPECTRA,
    "files": FILES,
    "restframe": RESTFRAME,
    "sample": SAMPLE,
    "lines": LINES,
    "catalog": CATALOG,
}
#: Partition columns of the tables; ``sample`` has them as columns.
PARTITION = ("survey", "release")
PARTITIONS = {
    "spectra": PARTITION,
    "restframe": PARTITION,
    "lines": PARTITION,
    "catalog": (*PARTITION, "model"),
}
#: Columns whose statistics in the footer a search for rows relies on.
SEARCHED = {"spectra": ("file",), "files": ("path", "release")}
#: Columns that reconcile the tables; a part counts if they can be read.
NARROW = {
    "spectra": ["spectrum_id", "file"],
    "files": ["path", "size", "mtime_ns", "status", "rows", "release"],
    "restframe": ["spectrum_id"],
    "lines": ["spectrum_id"],
    "sample": ["spectrum_id", "file", "object_id", "observations", "is_primary", *PARTITION],
    "catalog": ["spectrum_id"],
}
#: Errors of reading damaged bytes; pyarrow's are also of bytes that are no values.
DAMAGE = (UserError, ValueError, pa.ArrowException)
BATCH = 500  # rows: arrays of some 10 MB each


@dataclass
class Checked:
    """Size and findings of a part."""

    rows: int = 0  #: rows read
    pixels: int = 0  #: pixels read
    readable: bool = False  #: whether the `NARROW` columns can be read
    findings: list[Finding] = dataclasses.field(default_factory=list)


def check_part(part: tuple[str, Location]) -> Checked:
    """Read every page of a part and check every row. Runs in a Spark task.

    Parameters
    ----------
    part
        Table and place.
    """
    table, place = part
    result = Checked()
    try:
        file = open_part(place)
        problem = _schema_problem(table, place, file.schema_arrow)
        if problem is None:
            file.read(NARROW[table]).validate(full=True)
            result.readable = True
            problem = _statistics_problem(table, file)
    except DAMAGE as error:
        result.findings.append(_unreadable(table, place, error))
    else:
        if problem is not None:
            kind = "wrong_statistics" if result.readable else "wrong_schema"
            result.findings.append(Finding(kind, table, 1, f"{place}: {problem}"))
    if result.readable:
        for batch in _batches(table, place, result.findings):
            result.rows += batch.num_rows
            if "flux" in batch.schema.names:
                result.pixels += len(batch["flux"].flatten())
            result.findings += check_rows(table, place, batch)
    if result.readable and table == "spectra":
        result.findings += _order(place)
    return result


def _unreadable(table: str, place: Location, error: Exception) -> Finding:
    origin = error.__cause__ or error
    cause = (str(origin) or type(origin).__name__).splitlines()[0]
    return Finding("unreadable_part", table, 1, f"{place}: {cause}")


def _schema_problem(table: str, place: Location, found: pa.Schema) -> str | None:
    """Return what is wrong with a part's columns or folder."""
    expected = SCHEMAS[table]
    folders = PARTITIONS.get(table, ())
    if not set(folders) <= set(partition_values(place)):
        return "not in a folder " + "/".join(f"{name}=..." for name in folders)
    missing = [name for name in expected.names if name not in found.names]
    if missing:
        return f"no column {missing[0]}"
    for field, other in zip(expected, found, strict=False):
        may_be_null = other.nullable and not field.nullable
        if may_be_null or field.with_nullable(other.nullable) != other:
            return f"a column is {_described(other)}, not {_described(field)}"
    return None if len(found) == len(expected) else f"has a column {found.names[-1]} too many"


def _described(field: pa.Field) -> str:
    return f"{field.name}: {field.type}" + ("" if field.nullable else " not null")


def _statistics_problem(table: str, file: pq.ParquetFile) -> str | None:
    """Return where the footer misleads a search for rows."""
    for name in SEARCHED.get(table, ()):
        index = file.metadata.schema.names.index(name)
        for group in range(file.metadata.num_row_groups):
            statistics = file.metadata.row_group(group).column(index).statistics
            if statistics is None or not statistics.has_min_max:
                continue
            limits = (statistics.min, statistics.max)
            held = pc.min_max(file.read_row_group(group, [name])[name])
            if limits != (held["min"].as_py(), held["max"].as_py()):
                return f"row group {group} does not hold {name} {limits[0]} to {limits[1]}"
    return None


def _batches(table: str, place: Location, findings: list[Finding]) -> Iterator[pa.RecordBatch]:
    """Read all columns; skip row groups that cannot be read, and add a finding."""
    file = open_part(place)
    damage = None
    for group in range(file.metadata.num_row_groups):
        try:
            for batch in file.iter_batches(BATCH, row_groups=[group]):
                batch.validate(full=True)
                yield batch
        except DAMAGE as error:
            damage = damage or error
    if damage is not None:
        findings.append(_unreadable(table, place, damage))


def _order(place: Location) -> list[Finding]:
    """Check that a part is sorted by healpix29, rows without a position last."""
    try:
        stored = open_part(place).read(["spectrum_id", "healpix29"])
    except DAMAGE:  # a finding already
        return []
    order = pc.fill_null(stored["healpix29"], 2**63 - 1).to_numpy()
    behind = np.flatnonzero(order[1:] < order[:-1])
    if not len(behind):
        return []
    example = f"{stored['spectrum_id'][int(behind[0]) + 1]} in {place}"
    return [Finding("not_sorted", "spectra", len(behind), example)]
