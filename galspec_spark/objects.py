"""Which observations are of one object, so that no object is in two splits."""

from __future__ import annotations

import math
from itertools import count
from pathlib import Path

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from galspec_spark.tables import settle

#: Observations nearer than this on the sky are of one object; SDSS fibres are 2 to 3 arcsec wide.
LINK_ARCSEC = 2.0


def link_objects(spectra: DataFrame, scratch: Path) -> DataFrame:
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
