"""The plane of two ratios of emission lines that tells AGN from star formation.

Baldwin, Phillips & Terlevich (1981, PASP 93, 5), with the lines that the survey itself fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from galspec_spark.labels import AGN
from galspec_spark.report.release.counts import Integers
from galspec_spark.warehouse.flags import ABSTAIN
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.storage import Location

LINES = ("nii_6583", "h_alpha", "oiii_5007", "h_beta")
DETECTED = 3.0  #: area over its error
#: log10([N II]6583 / H alpha) and log10([O III]5007 / H beta): range and bin.
X_RANGE, Y_RANGE, STEP = (-2.0, 1.0), (-1.5, 1.6), 0.05

#: SUBCLASS is AGN where [O III] [N II]^1.2 > 10^0.22 Hb Ha^1.2: above y = OFFSET + SLOPE x.
OFFSET, SLOPE = 0.22, -1.2


@dataclass(frozen=True)
class Plane:
    """Counts in the plane of the classified spectra with all four lines, by class."""

    other: Integers  #: called other, shape (x, y)
    agn: Integers  #: called AGN, same shape
    #: [[other below the line, AGN below], [other above, AGN above]]: above it SUBCLASS is AGN
    sides: Integers

    @property
    def spectra(self) -> int:
        """Return the number of spectra."""
        return int(self.sides.sum())


def find_plane(
    spark: SparkSession, spectra: Sequence[Location], catalog: DataFrame
) -> Plane | None:
    """Count the classified spectra in the plane; None if no spectrum has all four lines.

    Parameters
    ----------
    spectra
        Parts of the table ``spectra`` of a release.
    catalog
        Its ``spectrum_id``, ``class`` and ``reason``.
    """
    if not spectra:
        return None
    measures = [f"{line}_{what}" for line in LINES for what in ("area", "area_err")]
    lines = scan(spark, spectra, ["spectrum_id", *measures])
    for line in LINES:
        error = F.col(f"{line}_area_err")
        # An error of 0 or less marks a line that was not fitted.
        lines = lines.where((error > 0) & (F.col(f"{line}_area") > DETECTED * error))
    nii, h_alpha, oiii, h_beta = (F.col(f"{line}_area").cast("double") for line in LINES)
    lines = lines.select(
        "spectrum_id", F.log10(nii / h_alpha).alias("x"), F.log10(oiii / h_beta).alias("y")
    )
    # A spectrum may have been read from two files; the catalogue lists it once.
    lines = lines.groupBy("spectrum_id").agg(F.max(F.struct("x", "y")).alias("at"))
    classes = catalog.where(F.col("reason").isNull() & (F.col("class") != ABSTAIN))
    x, y = F.col("at.x"), F.col("at.y")
    cells = (
        lines.join(classes.select("spectrum_id", "class"), "spectrum_id")
        .groupBy(
            (F.col("class") == AGN).cast("int").alias("agn"),
            (y > OFFSET + SLOPE * x).cast("int").alias("above"),
            _bin(x, X_RANGE).alias("i"),
            _bin(y, Y_RANGE).alias("j"),
        )
        .count()
        .collect()
    )
    if not cells:
        return None
    counts = np.zeros((2, _number(X_RANGE), _number(Y_RANGE)), np.int64)
    sides = np.zeros((2, 2), np.int64)
    for cell in cells:
        sides[cell.above, cell.agn] += cell["count"]
        counts[cell.agn, cell.i, cell.j] += cell["count"]
    return Plane(counts[0], counts[1], sides)


def edges(of_range: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return the limits of the bins of one axis."""
    return np.linspace(*of_range, _number(of_range) + 1)


def _number(of_range: tuple[float, float]) -> int:
    return round((of_range[1] - of_range[0]) / STEP)


def _bin(value: Column, of_range: tuple[float, float]) -> Column:
    """Return the number of a value's bin; the first and last bins hold values beyond."""
    place = F.floor((value - of_range[0]) / STEP)
    return F.least(F.greatest(place, F.lit(0)), F.lit(_number(of_range) - 1))
