"""Reconciles the tables of a warehouse with each other, on narrow columns, in Spark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.verify.findings import Finding
from galspec_spark.verify.parts import NARROW, PARTITION, PARTITIONS, SCHEMAS
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.releases import RELEASE
from galspec_spark.warehouse.storage import Location

KEY = ("spectrum_id", "file")
#: Tables that have a part for each part of ``spectra``.
DERIVED = ("restframe", "lines")


def narrow(
    spark: SparkSession,
    table: str,
    parts: Sequence[Location],
    release: str | None = None,
    *,
    positions: bool = False,
) -> DataFrame:
    """Return the `NARROW` columns and the partition columns of parts of a table.

    Without parts the frame has no rows.

    Parameters
    ----------
    release
        Only rows of this release; None for all.
    """
    columns = [*NARROW[table], *PARTITIONS.get(table, ())]
    if parts:
        rows = scan(spark, parts, columns, positions=positions)
        return rows if release is None else rows.where(F.col(RELEASE) == release)
    fields = [SCHEMAS[table].field(name) for name in NARROW[table]]
    strings = [*columns[len(fields) :], *(["part"] if positions else [])]
    fields += [pa.field(name, pa.string()) for name in strings]
    fields += [pa.field("row", pa.int64())] if positions else []
    return spark.createDataFrame([], from_arrow_schema(pa.schema(fields)))


def reconcile(
    spark: SparkSession, parts: Mapping[str, Sequence[Location]], release: str | None = None
) -> tuple[list[Finding], set[str]]:
    """Compare the rows of all tables.

    Parameters
    ----------
    parts
        Readable parts of each table; ``restframe``, ``lines`` and ``sample`` only if the warehouse
        has them.
    release
        Only rows of this release, and objects that it has; None for all.

    Returns
    -------
    findings
        Summed by kind and table.
    again
        Paths of the files whose rows are wrong or missing.
    """
    frames = {table: narrow(spark, table, parts[table], release) for table in parts}
    spectra = _counted(frames["spectra"], [*KEY, *PARTITION], "rows").persist()
    found = [_files(frames["files"], spectra), _repeats(spectra), _catalog(frames["catalog"])]
    found += [_derived(name, frames[name], spectra) for name in DERIVED if name in frames]
    if "sample" in frames:
        decided = _beside_sample(spectra, frames["sample"])
        found.append(_rows_of_sample(decided))
        if release is None:
            found.append(_objects(decided))
        else:
            found.append(_objects(_objects_of(release, narrow(spark, "sample", parts["sample"]))))
    sums = reduce(DataFrame.unionByName, found).groupBy("kind", "table")
    rows = sums.agg(F.sum("count"), F.min("example"), F.collect_set("again")).collect()
    spectra.unpersist()
    return [Finding(*row[:4]) for row in rows], {path for row in rows for path in row[4]}


@dataclass(frozen=True)
class Case:
    """A condition that makes a row of a frame a finding, and the finding."""

    kind: str
    table: str
    where: Column
    example: Column
    number: Column | int = 1  #: added to the finding's count by a row
    again: Column | None = None  #: path of a file to read again


def _problems(frame: DataFrame, *cases: Case) -> DataFrame:
    """Return a row for each case that holds for a row of the frame."""
    found = [
        F.when(
            case.where,
            F.struct(
                F.lit(case.kind).alias("kind"),
                F.lit(case.table).alias("table"),
                F.lit(case.number).cast("bigint").alias("count"),
                case.example.alias("example"),
                F.lit(case.again).cast("string").alias("again"),
            ),
        )
        for case in cases
    ]
    return frame.select(F.explode(F.array_compact(F.array(*found))).alias("found")).select(
        "found.*"
    )


def _files(files: DataFrame, spectra: DataFrame) -> DataFrame:
    """Compare the number of rows of each file with its account."""
    accounts = files.groupBy(F.col("path").alias("file")).agg(
        F.count("*").alias("accounts"),
        F.max("rows").alias("rows"),
        F.max("status").alias("status"),
    )
    found = spectra.groupBy("file").agg(F.sum("rows").alias("found"))
    both = accounts.join(found, "file", "full").fillna(0, ["accounts", "found", "rows"])
    path, rows, count = (F.col(name) for name in ("file", "rows", "found"))
    example = F.format_string("%s: %d rows, not %d", path, count, rows)
    has_account = F.col("accounts") > 0
    is_quarantined = F.coalesce(F.col("status") == "quarantined", F.lit(False))
    is_read = has_account & ~is_quarantined
    return _problems(
        both,
        Case("rows_without_account", "spectra", ~has_account, example, count, path),
        Case("rows_of_quarantined", "spectra", is_quarantined & (count > 0), example, count, path),
        Case("missing_rows", "spectra", is_read & (count < rows), example, rows - count, path),
        Case("surplus_rows", "spectra", is_read & (count > rows), example, count - rows, path),
        Case("duplicate_account", "files", F.col("accounts") > 1, path, again=path),
    )


def _repeats(spectra: DataFrame) -> DataFrame:
    """Find spectra with more than one row, of one file or of several."""
    by_spectrum = spectra.groupBy("spectrum_id").agg(
        F.min("file").alias("first"),
        F.max("file").alias("last"),
        F.max_by("file", "rows").alias("file"),
        (F.sum("rows") - F.count("*")).alias("surplus"),
    )
    first, last, file = F.col("first"), F.col("last"), F.col("file")
    of_one = F.format_string("%s of %s", "spectrum_id", file)
    of_two = F.format_string("%s: %s and %s", "spectrum_id", first, last)
    surplus = F.col("surplus")
    return _problems(
        by_spectrum,
        Case("duplicate_rows", "spectra", surplus > 0, of_one, surplus, file),
        Case("same_spectrum", "spectra", first != last, of_two),
    )


def _beside_sample(spectra: DataFrame, sample: DataFrame) -> DataFrame:
    """Join the rows of spectra and sample; the columns of a missing side are null or 0."""
    return spectra.join(_grouped(sample, KEY), [*KEY], "full").fillna(0, ["rows", "entries"])


def _grouped(sample: DataFrame, key: Sequence[str]) -> DataFrame:
    return sample.groupBy(*key).agg(
        F.count("*").alias("entries"),
        F.min("object_id").alias("object_id"),
        F.min("observations").alias("fewest"),
        F.max("observations").alias("most"),
        F.sum(F.col("is_primary").cast("int")).alias("primaries"),
    )


def _objects_of(release: str, sample: DataFrame) -> DataFrame:
    """Return the rows of sample, of all releases, of the objects that a release has."""
    names = sample.where(F.col(RELEASE) == release).select("object_id").distinct()
    return _grouped(sample.join(names, "object_id", "left_semi"), [*KEY, *PARTITION])


def _rows_of_sample(decided: DataFrame) -> DataFrame:
    rows, entries = F.col("rows"), F.col("entries")
    example = F.format_string("%s of %s", *KEY)
    return _problems(
        decided,
        Case("missing_decisions", "sample", entries < rows, example, rows - entries),
        Case("surplus_decisions", "sample", entries > rows, example, entries - rows),
    )


def _objects(decided: DataFrame) -> DataFrame:
    """Check the observations and the primaries of each object.

    Objects with a row missing from spectra are left out: the row is a finding already.
    """
    by_release = (
        decided.where("entries > 0")
        .groupBy("object_id", *PARTITION)
        .agg(
            F.sum("entries").alias("entries"),
            F.min("fewest").alias("fewest"),
            F.max("most").alias("most"),
            F.sum("primaries").alias("primaries"),
        )
    )
    by_object = (
        by_release.groupBy("object_id")
        .agg(
            F.sum("entries").alias("entries"),
            F.min("fewest").alias("fewest"),
            F.max("most").alias("most"),
            F.min("primaries").alias("least"),
            F.max("primaries").alias("greatest"),
            F.max(F.col("survey").isNull()).alias("is_incomplete"),
        )
        .where("not is_incomplete")
    )
    names = ("object_id", "entries", "fewest", "most", "least", "greatest")
    name, entries, fewest, most, least, greatest = map(F.col, names)
    observations = F.format_string("%s: %d rows, observations %d to %d", *names[:4])
    primaries = F.format_string("%s: %d to %d primaries", name, least, greatest)
    return _problems(
        by_object,
        Case("wrong_observations", "sample", (fewest != entries) | (most != entries), observations),
        Case("wrong_primary", "sample", (least != 1) | (greatest != 1), primaries),
    )


def _derived(table: str, derived: DataFrame, spectra: DataFrame) -> DataFrame:
    """Compare the rows of a table that has a row for each row of spectra."""
    key = ["spectrum_id", *PARTITION]
    ours = spectra.groupBy(*key).agg(F.sum("rows").alias("rows"))
    both = ours.join(_counted(derived, key, "entries"), key, "full")
    rows, entries = F.col("rows"), F.col("entries")
    example = F.format_string("%s: %d rows, %d of spectra", "spectrum_id", entries, rows)
    return _problems(
        both.fillna(0, ["rows", "entries"]),
        Case(f"{table}_rows", table, rows != entries, example, F.abs(rows - entries)),
    )


def _catalog(catalog: DataFrame) -> DataFrame:
    counted = _counted(catalog, ["spectrum_id", *PARTITIONS["catalog"]], "rows")
    rows = F.col("rows")
    example = F.format_string("%s: %d rows of model %s", "spectrum_id", rows, "model")
    return _problems(counted, Case("duplicate_predictions", "catalog", rows > 1, example, rows - 1))


def _counted(frame: DataFrame, key: Sequence[str], name: str) -> DataFrame:
    return frame.groupBy(*key).agg(F.count("*").alias(name))
