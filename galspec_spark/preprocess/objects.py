"""Which observations are of one object, and which of them is the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import count

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from galspec_spark.warehouse.frames import scan, settle, write_parts
from galspec_spark.warehouse.schemas import OBJECTS
from galspec_spark.warehouse.storage import Location

#: Observations nearer than this on the sky are of one object; SDSS fibres are 2 to 3 arcsec wide.
LINK_ARCSEC = 2.0
#: Pairs are looked for within cells of this size: few hold many spectra, few pairs cross a border.
CELL_ARCSEC = 60.0
#: So few parts of ``spectra`` are linked faster by one task than by shuffling their rows.
SMALL = 20
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
    if len(spectra) <= SMALL:
        catalogue = catalogue.coalesce(1)
    catalogue.persist()  # read once, used three times
    linked = mark_primary(link_objects(catalogue, staging / "links"))
    constants = {name: F.lit(value) for name, value in provenance.items()}
    columns = linked.withColumns(constants).select(*OBJECTS.names)
    parts = write_parts(columns.coalesce(1 + len(spectra) // SPECTRA_PARTS), staging)
    catalogue.unpersist()
    return parts


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
    differently). Links are followed to the end.

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
    links = same_identifier(spectra).union(same_place(spectra))
    links = links.withColumn("root", F.col("spectrum_id"))
    for step in count():
        nearer = _nearer_root(_nearer_root(links))  # as far as nearly all links go
        nearer = _nearer_root(nearer.withColumn("before", F.col("root")))
        changed = F.col("root") != F.col("before")
        links = settle(
            nearer.select("key", "spectrum_id", "root", changed.alias("changed")),
            scratch / f"{step}",
        )
        if links.where("changed").isEmpty():
            break
    roots = links.groupBy("spectrum_id").agg(F.min("root").alias("object_id"))
    return (
        spectra.drop("object_id")
        .join(roots, "spectrum_id", "left")
        .withColumn("object_id", F.coalesce("object_id", "spectrum_id"))
    )


def same_identifier(spectra: DataFrame) -> DataFrame:
    """Return a row (key, spectrum_id) for each observation that shares its identifier."""
    sharing = F.count("*").over(Window.partitionBy("object_id"))
    named = spectra.where("object_id is not null").withColumn("sharing", sharing)
    return named.where("sharing > 1").select(F.col("object_id").alias("key"), "spectrum_id")


def same_place(spectra: DataFrame) -> DataFrame:
    """Return two rows (key, spectrum_id) for each pair of observations within `LINK_ARCSEC`."""
    on_the_sky = F.col("ra").between(0, 360) & F.col("dec").between(-90, 90)  # NaN is in neither
    ra, dec = F.radians("ra"), F.radians("dec")
    x, y, z = F.cos(dec) * F.cos(ra), F.cos(dec) * F.sin(ra), F.sin(dec)
    placed = spectra.where(on_the_sky).select("spectrum_id", F.array(x, y, z).alias("place"))
    celled = placed.select("*", F.explode(_cells("place")).alias("cell"))
    members = celled.groupBy("cell").agg(
        F.collect_list(F.struct("spectrum_id", "place")).alias("m")
    )
    crowded = members.where(F.size("m") > 1).select("m", F.explode("m").alias("one"))
    pairs = crowded.select("one", F.explode("m").alias("other")).where(
        (F.col("one.spectrum_id") < F.col("other.spectrum_id"))
        & (_distance_squared("one.place", "other.place") <= math.radians(LINK_ARCSEC / 3600) ** 2)
    )
    key = F.concat_ws(" ", "one.spectrum_id", "other.spectrum_id").alias("key")
    both = F.array("one.spectrum_id", "other.spectrum_id")
    return pairs.select(key, F.explode(both).alias("spectrum_id"))


def _cells(place: str) -> Column:
    """Return an array of small cubes: unit vectors within `LINK_ARCSEC` share at least one.

    Each coordinate, plus and minus the radius, falls into one cell or two; the middle of two near
    positions is in a cell of both.
    """
    radius, size = math.radians(LINK_ARCSEC / 3600), math.radians(CELL_ARCSEC / 3600)
    ends = [
        [F.floor((F.col(place)[axis] + sign * radius) / size) for sign in (-1, 1)]
        for axis in range(3)
    ]
    cubes = [F.xxhash64(x, y, z) for x in ends[0] for y in ends[1] for z in ends[2]]
    return F.array_distinct(F.array(*cubes))


def _distance_squared(one: str, other: str) -> Column:
    """Return the squared chord, which is the squared angle for small ones."""
    squares = [(F.col(one)[axis] - F.col(other)[axis]) ** 2 for axis in range(3)]
    return squares[0] + squares[1] + squares[2]


def _nearer_root(links: DataFrame) -> DataFrame:
    """Take the smallest root of all that share a key, then of all keys of a spectrum."""
    same_key, same_spectrum = Window.partitionBy("key"), Window.partitionBy("spectrum_id")
    return links.withColumn("root", F.min("root").over(same_key)).withColumn(
        "root", F.min("root").over(same_spectrum)
    )
