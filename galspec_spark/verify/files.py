"""Reads files again, and compares what they hold with their rows of ``spectra``, bit by bit.

Spark brings the narrow rows of one part together; the task goes through that part's row groups and
decodes the files as their rows come.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import in_sky_order, spectra_table
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.opening import open_source
from galspec_spark.verify.findings import Finding
from galspec_spark.verify.parts import DAMAGE
from galspec_spark.verify.rows import Mask, status_now
from galspec_spark.verify.tables import narrow
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.schemas import PROVENANCE, SPECTRA
from galspec_spark.warehouse.storage import Location

#: Shuffle partitions per part, so that two parts seldom share a task.
PARTITIONS_PER_PART = 4
#: What a file determines: all columns but the provenance.
COMPARED = pa.schema([f for f in SPECTRA if f not in PROVENANCE])


def compare(
    spark: SparkSession,
    spectra: Sequence[Location],
    files: Sequence[Location],
    sample: int | None,
    seed: int,
) -> list[dict[str, Any]]:
    """Read files again and compare every column of their rows.

    Parameters
    ----------
    spectra, files
        Readable parts of the two tables.
    sample
        How many files, drawn by a hash of path and seed; None for all.

    Returns
    -------
    list of dict
        For each part: the counts ``files``, ``rows`` and ``changed`` (files that are not as they
        were ingested, which are not compared); ``findings``: the fields of each `Finding`;
        ``again``: paths of the files with other rows.
    """
    read = narrow(spark, "files", files).where("status = 'read' and rows > 0")
    chosen = read.dropDuplicates(["path"]).withColumnRenamed("rows", "spectra").drop("status")
    if sample is not None:
        chosen = chosen.orderBy(F.xxhash64("path", F.lit(seed)), "path").limit(sample)
    positions = narrow(spark, "spectra", spectra, positions=True)
    rows = positions.join(chosen, F.col("path") == F.col("file"))
    tasks = PARTITIONS_PER_PART * max(1, min(len(spectra), sample or len(spectra)))
    near = rows.repartition(tasks, "part").groupBy("part")
    return [json.loads(row.result) for row in near.applyInArrow(_part, "result string").collect()]


def _part(rows: pa.Table) -> pa.Table:
    result = compare_part(rows.sort_by("row"))
    return pa.table({"result": [json.dumps(result)]})


@dataclass
class Comparison:
    """What is known of the files of one part so far."""

    place: Location
    coming: Counter[str]  #: rows of each file that are still to come
    held: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)  #: by file, by name
    files: int = 0
    rows: int = 0
    changed: int = 0
    findings: list[Finding] = field(default_factory=list)
    again: set[str] = field(default_factory=set)

    def find(self, kind: str, table: str, count: int, example: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, table, count, example))


def compare_part(rows: pa.Table) -> dict[str, Any]:
    """Compare rows of one part with what their files hold. Runs in a Spark task.

    Memory is that of the part's own files whose rows have begun to come and have not all come.

    Parameters
    ----------
    rows
        Sorted: part and row; file, size, mtime_ns and spectra as the ``files`` table has them.

    Returns
    -------
    dict
        As `compare` describes it.
    """
    place = Location(rows["part"][0].as_py())
    known = Comparison(place, Counter(rows["file"].to_pylist()))
    for here, stored in _row_groups(place, rows):
        for account in here.to_pylist():
            if account["file"] not in known.held:
                known.held[account["file"]] = _decode(account, known)
        _compare_rows(stored, known)
        known.coming.subtract(here["file"].to_pylist())
        known.held = {path: known.held[path] for path in known.held if known.coming[path] > 0}
    return {
        "files": known.files,
        "rows": known.rows,
        "changed": known.changed,
        "findings": [astuple(finding) for finding in known.findings],
        "again": sorted(known.again),
    }


def _row_groups(place: Location, rows: pa.Table) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Give each row group's narrow rows, and the same rows as they are stored."""
    file = open_part(place)
    first = 0
    for group in range(file.metadata.num_row_groups):
        after = first + file.metadata.row_group(group).num_rows
        here = rows.filter((pc.field("row") >= first) & (pc.field("row") < after))
        if here.num_rows:
            try:
                stored = file.read_row_group(group, COMPARED.names)
            except DAMAGE:  # which has been found already
                continue
            yield here, stored.take(pc.subtract(here["row"], first))
        first = after


def _decode(account: dict[str, Any], known: Comparison) -> dict[str, dict[str, Any]]:
    """Read a file again; return its rows by spectrum_id, none where that makes no sense."""
    path = account["file"]
    now = status_now(path)
    if (now.size, now.mtime_ns) != (account["size"], account["mtime_ns"]):
        known.changed += 1
        return {}
    try:
        _, spectra = read_spectra(open_source(path, account["size"]))
    except BadFile as error:
        known.find("file_unreadable", "files", 1, f"{path}: {error.reason}: {error.message}")
        return {}
    known.files += 1
    if len(spectra) != account["spectra"]:
        known.find("wrong_account", "files", 1, f"{path}: {len(spectra)} spectra")
        known.again.add(path)
    release = partition_values(known.place)["release"]
    for row in spectra:
        row["spectrum_id"] = f"{row['survey']}-{release}-{row['key']}"
        row["file"] = path
    return {row["spectrum_id"]: row for row in in_sky_order(spectra)}


def _compare_rows(stored: pa.Table, known: Comparison) -> None:
    """Compare rows with those that their files hold."""
    held = [known.held[path] for path in stored["file"].to_pylist()]
    names = stored["spectrum_id"].to_pylist()
    expected = [rows.get(name) for rows, name in zip(held, names, strict=True)]
    is_foreign = [bool(rows) and name not in rows for rows, name in zip(held, names, strict=True)]
    _altered(stored.filter(pa.array(is_foreign)), "not in the file", known)
    there = [row for row in expected if row is not None]
    known.rows += len(there)
    if not there:
        return
    stored = stored.filter(pa.array([row is not None for row in expected])).combine_chunks()
    fresh = spectra_table(there, {}, COMPARED)
    altered = {name: differs(stored[name], fresh[name]) for name in COMPARED.names}
    mask = np.logical_or.reduce(list(altered.values()))
    columns = ", ".join(name for name, rows in altered.items() if rows.any())
    _altered(stored.filter(pa.array(mask)), columns, known)


def _altered(rows: pa.Table, what: str, known: Comparison) -> None:
    if rows.num_rows:
        example = f"{rows['spectrum_id'][0]}: {what}, in {known.place}"
        known.find("altered_rows", "spectra", rows.num_rows, example)
        known.again.update(rows["file"].to_pylist())


def differs(stored: pa.ChunkedArray, fresh: pa.ChunkedArray) -> Mask:
    """Tell which rows of two columns are not the same bits, null and NaN being different."""
    ours, theirs = (pa.concat_arrays(column.chunks) for column in (stored, fresh))
    if not pa.types.is_list(ours.type):
        return _values_differ(ours, theirs)
    lengths = [pc.fill_null(pc.list_value_length(a), -1).to_numpy() for a in (ours, theirs)]
    mask: Mask = lengths[0] != lengths[1]
    alike = pa.array(~mask)
    flat = [array.filter(alike).flatten() for array in (ours, theirs)]
    ends = np.cumsum(np.maximum(lengths[0][~mask], 0))
    rows = np.searchsorted(ends, np.flatnonzero(_values_differ(*flat)), side="right")
    mask[np.flatnonzero(~mask)[rows]] = True
    return mask


def _values_differ(ours: pa.Array, theirs: pa.Array) -> Mask:
    if pa.types.is_floating(ours.type):
        bits = {32: pa.int32(), 64: pa.int64()}[ours.type.bit_width]
        ours, theirs = ours.view(bits), theirs.view(bits)
    unequal = pc.fill_null(pc.not_equal(ours, theirs), False)
    one_null = pc.not_equal(ours.is_null(), theirs.is_null())
    mask: Mask = pc.or_(unequal, one_null).to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask
