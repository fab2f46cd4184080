"""Reads files again, and compares their spectra with their rows of ``spectra``, bit by bit.

Spark groups the narrow rows by part. A task goes through the row groups of its part and decodes a
file when the first of the file's rows comes.
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
from galspec_spark.warehouse.fields import PROVENANCE
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.releases import RELEASE
from galspec_spark.warehouse.schemas import SPECTRA
from galspec_spark.warehouse.storage import Location

#: Shuffle partitions per part, so that two parts seldom share a task.
PARTITIONS_PER_PART = 4
#: Columns that a file determines: all but the provenance.
COMPARED = pa.schema([f for f in SPECTRA if f not in PROVENANCE])


def compare(
    spark: SparkSession,
    spectra: Sequence[Location],
    files: Sequence[Location],
    sample: int | None,
    seed: int,
    release: str | None = None,
) -> list[dict[str, Any]]:
    """Read files again and compare every column of their rows.

    Parameters
    ----------
    spectra, files
        Readable parts of the two tables.
    sample
        Number of files, drawn by a hash of path and seed; None for all.
    release
        Only files of this release; None for all.

    Returns
    -------
    list of dict
        For each part: the counts ``files``, ``rows`` and ``changed`` (files that changed since
        ingest, which are not compared); ``findings``: the fields of each `Finding`; ``again``:
        paths of the files whose rows differ.
    """
    read = narrow(spark, "files", files, release).where("status = 'read' and rows > 0")
    once = read.drop("status", RELEASE).dropDuplicates(["path"])
    chosen = once.withColumnRenamed("rows", "spectra")
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
    """State of the comparison of one part with its files."""

    place: Location
    pending: Counter[str]  #: rows of each file that are still to come
    #: Decoded rows by file and spectrum_id, of files with pending rows.
    decoded: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    files: int = 0
    rows: int = 0
    changed: int = 0
    findings: list[Finding] = field(default_factory=list)
    again: set[str] = field(default_factory=set)

    def find(self, kind: str, table: str, count: int, example: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(kind, table, count, example))


def compare_part(rows: pa.Table) -> dict[str, Any]:
    """Compare rows of one part with the spectra of their files. Runs in a Spark task.

    Memory holds the part's files of which some rows, but not all, have come.

    Parameters
    ----------
    rows
        Columns part, row, and file, size, mtime_ns and spectra of the ``files`` table. Sorted by
        row.

    Returns
    -------
    dict
        An item of the result of `compare`.
    """
    place = Location(rows["part"][0].as_py())
    state = Comparison(place, Counter(rows["file"].to_pylist()))
    for accounts, stored in _row_groups(place, rows):
        for account in accounts.to_pylist():
            if account["file"] not in state.decoded:
                state.decoded[account["file"]] = _decode(account, state)
        _compare_rows(stored, state)
        state.pending.subtract(accounts["file"].to_pylist())
        state.decoded = {p: spectra for p, spectra in state.decoded.items() if state.pending[p] > 0}
    return {
        "files": state.files,
        "rows": state.rows,
        "changed": state.changed,
        "findings": [astuple(finding) for finding in state.findings],
        "again": sorted(state.again),
    }


def _row_groups(place: Location, rows: pa.Table) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield each row group's narrow rows, and the same rows as stored."""
    file = open_part(place)
    first = 0
    for group in range(file.metadata.num_row_groups):
        after = first + file.metadata.row_group(group).num_rows
        accounts = rows.filter((pc.field("row") >= first) & (pc.field("row") < after))
        if accounts.num_rows:
            try:
                stored = file.read_row_group(group, COMPARED.names)
            except DAMAGE:  # a finding of check_part already
                continue
            yield accounts, stored.take(pc.subtract(accounts["row"], first))
        first = after


def _decode(account: dict[str, Any], state: Comparison) -> dict[str, dict[str, Any]]:
    """Read a file again; return its rows by spectrum_id, none if it changed or is unreadable."""
    path = account["file"]
    now = status_now(path)
    if (now.size, now.mtime_ns) != (account["size"], account["mtime_ns"]):
        state.changed += 1
        return {}
    try:
        _, spectra = read_spectra(open_source(path, account["size"]))
    except BadFile as error:
        state.find("file_unreadable", "files", 1, f"{path}: {error.reason}: {error.message}")
        return {}
    state.files += 1
    if len(spectra) != account["spectra"]:
        state.find("wrong_account", "files", 1, f"{path}: {len(spectra)} spectra")
        state.again.add(path)
    release = partition_values(state.place)["release"]
    for row in spectra:
        row["spectrum_id"] = f"{row['survey']}-{release}-{row['key']}"
        row["file"] = path
    return {row["spectrum_id"]: row for row in in_sky_order(spectra)}


def _compare_rows(stored: pa.Table, state: Comparison) -> None:
    """Compare stored rows with the rows decoded from their files."""
    files = [state.decoded[path] for path in stored["file"].to_pylist()]
    names = stored["spectrum_id"].to_pylist()
    expected = [rows.get(name) for rows, name in zip(files, names, strict=True)]
    is_foreign = [bool(rows) and name not in rows for rows, name in zip(files, names, strict=True)]
    _altered(stored.filter(pa.array(is_foreign)), "not in the file", state)
    matched = [row for row in expected if row is not None]
    state.rows += len(matched)
    if not matched:
        return
    stored = stored.filter(pa.array([row is not None for row in expected])).combine_chunks()
    fresh = spectra_table(matched, {}, COMPARED)
    altered = {name: differs(stored[name], fresh[name]) for name in COMPARED.names}
    mask = np.logical_or.reduce(list(altered.values()))
    columns = ", ".join(name for name, rows in altered.items() if rows.any())
    _altered(stored.filter(pa.array(mask)), columns, state)


def _altered(rows: pa.Table, difference: str, state: Comparison) -> None:
    """Record rows that differ from their files, and the files to read again."""
    if rows.num_rows:
        example = f"{rows['spectrum_id'][0]}: {difference}, in {state.place}"
        state.find("altered_rows", "spectra", rows.num_rows, example)
        state.again.update(rows["file"].to_pylist())


def differs(stored: pa.ChunkedArray, fresh: pa.ChunkedArray) -> Mask:
    """Return which rows of two columns differ in a bit; null differs from NaN."""
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
