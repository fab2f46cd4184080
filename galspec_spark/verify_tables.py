"""Reconciles the tables of a warehouse with each other, on narrow columns, in Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.findings import Finding
from galspec_spark.parts import scan, settle
from galspec_spark.storage import Location
from galspec_spark.verify_parts import NARROW, SCHEMAS

PARTITION = ("survey", "release")


def narrow(
    spark: SparkSession, table: str, parts: Sequence[Location], *, positions: bool = False
) -> DataFrame:
    """Return the `NARROW` columns of parts of a table; no row where there is no part.

    Columns survey and release are added where the table is divided by them.
    """
    columns = [*NARROW[table], *(PARTITION if table in ("spectra", "restframe") else ())]
    if parts:
        return scan(spark, parts, columns, positions=positions)
    fields = [SCHEMAS[table].field(name) for name in NARROW[table]]
    strings = [*columns[len(fields) :], *(["part"] if positions else [])]
    fields += [pa.field(name, pa.string()) for name in strings]
    fields += [pa.field("row", pa.int64())] if positions else []
    return spark.createDataFrame([], from_arrow_schema(pa.schema(fields)))


def reconcile(
    spark: SparkSession, parts: Mapping[str, Sequence[Location]], scratch: Location
) -> tuple[list[Finding], set[str]]:
    """Compare the rows of all tables.

    Parameters
    ----------
    parts
        The readable parts of each table; ``restframe`` only where it is to be compared.
    scratch
        Folder for intermediate results.

    Returns
    -------
    findings
        Summed up by kind and table.
    again
        Paths of the files whose rows are wrong or missing.
    """
    frames = {table: narrow(spark, table, parts[table]) for table in parts}
    spectra, files, objects = (frames[name] for name in ("spectra", "files", "objects"))
    found = [
        _accounts(files),
        _rows_of_files(files, spectra),
        *_repeats(spectra),
        _rows_of_objects(objects, spectra),
        *_objects(objects, spectra),
    ]
    if "restframe" in frames:
        found.append(_restframe(frames["restframe"], spectra))
    problems = settle(reduce(DataFrame.unionByName, found), scratch / "problems")
    sums = problems.groupBy("kind", "table").agg(
        F.sum("count").alias("count"), F.min("example").alias("example")
    )
    findings = [Finding(**row.asDict()) for row in sums.collect()]
    again = problems.where("again is not null").select("again").distinct()
    return findings, {row.again for row in again.collect()}


def _problems(
    frame: DataFrame,
    kind: Column | str,
    table: str,
    example: Column,
    *,
    count: Column | str = "1",
    again: Column | None = None,
) -> DataFrame:
    """Bring rows that are problems to the columns that all checks share."""
    return frame.select(
        (F.lit(kind) if isinstance(kind, str) else kind).alias("kind"),
        F.lit(table).alias("table"),
        (F.expr(count) if isinstance(count, str) else count).cast("bigint").alias("count"),
        example.alias("example"),
        (F.lit(None).cast("string") if again is None else again).alias("again"),
    )


def _accounts(files: DataFrame) -> DataFrame:
    repeated = files.groupBy("path").count().where("count > 1")
    return _problems(repeated, "duplicate_account", "files", F.col("path"), again=F.col("path"))


def _rows_of_files(files: DataFrame, spectra: DataFrame) -> DataFrame:
    """Compare the number of rows of each file with what the account says."""
    accounts = files.groupBy("path").agg(
        F.max("rows").alias("rows"), F.max("status").alias("status")
    )
    found = spectra.groupBy("file").agg(F.count("*").alias("found"))
    both = accounts.join(found, F.col("path") == F.col("file"), "full").fillna(0, ["found", "rows"])
    kind = (
        F.when(F.col("path").isNull(), "rows_without_account")
        .when((F.col("status") == "quarantined") & (F.col("found") > 0), "rows_of_quarantined")
        .when(F.col("found") < F.col("rows"), "missing_rows")
        .when(F.col("found") > F.col("rows"), "surplus_rows")
    )
    path = F.coalesce("path", "file")
    example = F.format_string("%s: %d rows, not %d", path, "found", "rows")
    wrong = both.withColumn("kind", kind).where("kind is not null")
    count = F.when(F.col("status") == "quarantined", F.col("found")).otherwise(
        F.abs(F.col("found") - F.col("rows"))
    )
    return _problems(wrong, F.col("kind"), "spectra", example, count=count, again=path)


def _repeats(spectra: DataFrame) -> Iterable[DataFrame]:
    """Find spectra that are there more than once, of one file or of several."""
    by_file = spectra.groupBy("spectrum_id", "file").count()
    same_file = by_file.where("count > 1")
    example = F.format_string("%s of %s", "spectrum_id", "file")
    yield _problems(
        same_file, "duplicate_rows", "spectra", example, count="count - 1", again=F.col("file")
    )
    by_spectrum = by_file.groupBy("spectrum_id").agg(
        F.min("file").alias("first"), F.max("file").alias("last")
    )
    two_files = by_spectrum.where("first <> last")
    example = F.format_string("%s: %s and %s", "spectrum_id", "first", "last")
    yield _problems(two_files, "same_spectrum", "spectra", example)


def _rows_of_objects(objects: DataFrame, spectra: DataFrame) -> DataFrame:
    """Compare the rows of objects with those of spectra."""
    key = ["spectrum_id", "file"]
    both = _counts(objects, key, "theirs").join(_counts(spectra, key, "ours"), key, "full")
    both = both.fillna(0, ["theirs", "ours"]).where("theirs <> ours")
    missing = F.col("theirs") < F.col("ours")
    return _problems(
        both,
        F.when(missing, "missing_objects").otherwise("surplus_objects"),
        "objects",
        F.format_string("%s of %s", "spectrum_id", "file"),
        count="abs(theirs - ours)",
    )


def _objects(objects: DataFrame, spectra: DataFrame) -> Iterable[DataFrame]:
    """Check the observations and the primaries of each object.

    Objects of which a row is gone from spectra are left out: that row is a finding already.
    """
    key = ["spectrum_id", "file"]
    placed = objects.join(spectra.select(*key, *PARTITION).distinct(), key, "left")
    by_release = placed.groupBy("object_id", *PARTITION).agg(
        F.count("*").alias("rows"),
        F.min("observations").alias("fewest"),
        F.max("observations").alias("most"),
        F.sum(F.col("is_primary").cast("int")).alias("primaries"),
    )
    by_object = (
        by_release.groupBy("object_id")
        .agg(
            F.sum("rows").alias("rows"),
            F.min("fewest").alias("fewest"),
            F.max("most").alias("most"),
            F.min("primaries").alias("fewest_primaries"),
            F.max("primaries").alias("most_primaries"),
            F.max(F.col("survey").isNull()).alias("is_incomplete"),
        )
        .where("not is_incomplete")
    )
    observations = by_object.where("fewest <> rows or most <> rows")
    example = F.format_string("%s: %d rows, observations %d", "object_id", "rows", "most")
    yield _problems(observations, "wrong_observations", "objects", example)
    primaries = by_object.where("fewest_primaries <> 1 or most_primaries <> 1")
    example = F.format_string(
        "%s: %d to %d primaries", "object_id", "fewest_primaries", "most_primaries"
    )
    yield _problems(primaries, "wrong_primary", "objects", example)


def _restframe(restframe: DataFrame, spectra: DataFrame) -> DataFrame:
    key = ["spectrum_id", *PARTITION]
    both = _counts(restframe, key, "theirs").join(_counts(spectra, key, "ours"), key, "full")
    both = both.fillna(0, ["theirs", "ours"]).where("theirs <> ours")
    example = F.format_string("%s: %d rows, %d of spectra", "spectrum_id", "theirs", "ours")
    return _problems(both, "restframe_rows", "restframe", example, count="abs(theirs - ours)")


def _counts(frame: DataFrame, key: list[str], name: str) -> DataFrame:
    return frame.groupBy(*key).agg(F.count("*").alias(name))
