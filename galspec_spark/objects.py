"""Which observations are of one object, and which of them is the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from galspec_spark.parts import scan, settle, write_parts
from galspec_spark.schemas import OBJECTS
from galspec_spark.storage import Location

#: Observations nearer than this on the sky are of one object; SDSS fibres are 2 to 3 arcsec wide.
LINK_ARCSEC = 2.0

#: A part of ``objects`` for so many parts of ``spectra``: a million rows.
SPECTRA_PARTS = 200

CATALOGUE = (
    "spectrum_id", "file", "survey", "release", "object_id", "ra", "dec", "zwarning", "sn_median",
)  # fmt: skip


def find_objects(
    spark: SparkSession, spectra: Sequence[Location], staging: Location, provenance: dict[str, str]
) -> list[Location]:
    """Write the ``objects`` table for parts of ``spectra``; return its parts.

    Parameters
    ----------
    spectra
        All parts, in their places or still staged.
    staging
        Folder for the parts, and for intermediate results.
    """
    catalogue = scan(spark, spectra, CATALOGUE)
    linked = mark_primary(link_objects(catalogue, staging / "links"))
    constants = {name: F.lit(value) for name, value in provenance.items()}
    columns = linked.withColumns(constants).select(*OBJECTS.names)
    count = 1 + len(spectra) // SPECTRA_PARTS
    return write_parts(columns.repartition(count, "spectrum_id"), staging)


def mark_primary(linked: DataFrame) -> DataFrame:
    """Add ``observations`` (of the object) and ``is_primary`` (the best of a survey's release).

    The order is that of SDSS's SPECPRIMARY, without its plate quality: signal at all, then a
    redshift without warning, then the median S/N. Ties go to the first name.
    """
    same_object = Window.partitionBy("object_id")
    best_first = Window.partitionBy("object_id", "survey", "release").orderBy(
        F.coalesce(F.col("sn_median") > 0, F.lit(False)).desc(),
        F.coalesce(F.col("zwarning") == 0, F.lit(False)).desc(),
        F.col("sn_median").desc_nulls_last(),
        "spectrum_id",
        "file",
    )
    return linked.withColumn("observations", F.count("*").over(same_object).cast("int")).withColumn(
        "is_primary", F.row_number().over(best_first) == 1
    )


def link_objects(spectra: DataFrame, scratch: Location) -> DataFrame:
    """Give all observations of one object the same ``object_id``.

    Two observations are linked where their catalogue's object identifier is the same (a large
    galaxy has fibres far apart) or their positions are within `LINK_ARCSEC` (surveys number objects
    differently). Links are followed to the end; positions up to 4 times as far apart may be linked
    too, which costs nothing: a split only needs that no object is divided.

    Parameters
    ----------
    spectra
        Columns spectrum_id, object_id (string or null), ra and dec (degrees or null).
    scratch
        Folder for intermediate results, which the caller deletes.

    Returns
    -------
    DataFrame
        The same rows, with object_id the smallest spectrum_id among the linked observations.
    """
    named = spectra.select("spectrum_id", F.explode(_keys()).alias("key"))
    shared = named.groupBy("key").agg(F.collect_set("spectrum_id").alias("members"))
    links = shared.where(F.size("members") > 1).select(
        "key", F.explode("members").alias("spectrum_id"), F.lit("").alias("before")
    )
    links = settle(links.withColumn("root", F.col("spectrum_id")), scratch / "links-0")
    same_key, same_spectrum = Window.partitionBy("key"), Window.partitionBy("spectrum_id")
    for step in count(1):
        if links.where("root <> before").isEmpty():
            break
        nearer = (
            links.withColumn("before", F.col("root"))
            .withColumn("root", F.min("root").over(same_key))
            .withColumn("root", F.min("root").over(same_spectrum))
        )
        links = settle(nearer, scratch / f"links-{step}")
    roots = links.groupBy("spectrum_id").agg(F.min("root").alias("object_id"))
    return (
        spectra.drop("object_id")
        .join(roots, "spectrum_id", "left")
        .withColumn("object_id", F.coalesce("object_id", "spectrum_id"))
    )


def _keys() -> Column:
    """Return an array of numbers: observations of one object share at least one."""
    has_identifier = F.col("object_id").isNotNull()
    identifier = F.when(has_identifier, F.array(F.xxhash64("object_id"))).otherwise(F.array())
    return F.array_distinct(F.concat(identifier, _sky_cells()))


def _sky_cells() -> Column:
    """Return an array of small cubes: positions within `LINK_ARCSEC` share at least one.

    Each coordinate of the unit vector, plus and minus the radius, falls into at most two cells of
    twice the radius; the middle of two near positions is in a cell of both.
    """
    radius = math.radians(LINK_ARCSEC / 3600)
    ra, dec = F.radians("ra"), F.radians("dec")
    axes = (F.cos(dec) * F.cos(ra), F.cos(dec) * F.sin(ra), F.sin(dec))
    ends = [[F.floor((axis + sign * radius) / (2 * radius)) for sign in (-1, 1)] for axis in axes]
    cubes = [F.xxhash64(x, y, z) for x in ends[0] for y in ends[1] for z in ends[2]]
    has_position = F.col("ra").between(0, 360) & F.col("dec").between(-90, 90)  # NaN is in neither
    return F.when(has_position, F.array(*cubes)).otherwise(F.array())
