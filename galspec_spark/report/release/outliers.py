"""The spectra that the model's components explain worst, with their pixels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.projection import RECONSTRUCTION_ERROR
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.ml.model.profile import error_limit
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.sample import locate
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

SHOWN = 8
COLUMNS = (
    "spectrum_id", "ra", "dec", "z", "sn_median", "class", "probability", RECONSTRUCTION_ERROR,
    "reason", "flags", "coefficients",
)  # fmt: skip
SDSS_KEY = re.compile(r"(\d+)-(\d+)-(\d+)", re.ASCII)
SDSS_RELEASE = re.compile(r"dr\d+", re.ASCII)


@dataclass(frozen=True)
class Outlier:
    """One spectrum, and what the components make of it."""

    spectrum_id: str
    ra: float | None
    dec: float | None
    z: float
    sn_median: float
    class_name: str
    probability: float
    ratio: float  #: reconstruction error over the limit at the spectrum's S/N
    part: str  #: of ``restframe``, relative to the warehouse
    row: int  #: within it, from 0
    address: str | None  #: of the survey's own page of the spectrum
    flux: npt.NDArray[np.float32]  #: (PIXELS,), NaN where there is no information
    reconstruction: npt.NDArray[np.float64]  #: (PIXELS,)


def find_outliers(
    spark: SparkSession, warehouse: Warehouse, bundle: Bundle, catalog: Sequence[Location]
) -> list[Outlier]:
    """Return those flagged that are furthest beyond the limit of their S/N, at most `SHOWN`.

    Parameters
    ----------
    catalog
        Parts of the catalogue of one release.
    """
    is_outlier = F.col("flags").bitwiseAND(1 << FLAG_BITS["OUTLIER"]) != 0
    ratio = F.col(RECONSTRUCTION_ERROR) / error_limit(bundle.profile)
    rows = (
        scan(spark, catalog, COLUMNS)
        .where(is_outlier & F.col("reason").isNull())
        .withColumn("ratio", ratio)
        .orderBy(F.desc("ratio"), "spectrum_id")
        .limit(SHOWN)
        .collect()
    )
    places = locate(warehouse, [row.spectrum_id for row in rows])
    return [_outlier(row, places[row.spectrum_id], warehouse, bundle) for row in rows]


def reconstructed(
    coefficients: npt.NDArray[np.float64], components: Components
) -> npt.NDArray[np.float64]:
    """Return spectra (n, pixels) that the components make of coefficients (n, k)."""
    along = coefficients - components.vectors @ components.mean
    return np.asarray(components.mean + along @ components.vectors)


def survey_address(survey: str, release: str, spectrum_id: str) -> str | None:
    """Return the address of SDSS's public page of a spectrum; None for other surveys."""
    key = SDSS_KEY.fullmatch(spectrum_id.removeprefix(f"{survey}-{release}-"))
    if survey != "sdss" or key is None or not SDSS_RELEASE.fullmatch(release):
        return None
    plate, mjd, fiber = map(int, key.groups())
    page = f"https://skyserver.sdss.org/{release}/en/tools/explore/summary.aspx"
    return f"{page}?plate={plate}&mjd={mjd}&fiber={fiber}"


def _outlier(row: Row, place: tuple[str, int], warehouse: Warehouse, bundle: Bundle) -> Outlier:
    part, number = place
    values = partition_values(warehouse.root / part)
    return Outlier(
        spectrum_id=row["spectrum_id"],
        ra=row.ra,
        dec=row.dec,
        z=row.z,
        sn_median=row.sn_median,
        class_name=row["class"],
        probability=row.probability,
        ratio=row["ratio"],
        part=part,
        row=number,
        address=survey_address(values["survey"], values["release"], row["spectrum_id"]),
        flux=_flux(warehouse.root / part, number, row["spectrum_id"]),
        reconstruction=reconstructed(np.array([row["coefficients"]]), bundle.components)[0],
    )


def _flux(part: Location, row: int, spectrum_id: str) -> npt.NDArray[np.float32]:
    """Read one row of ``restframe`` and of its part no more than the row group."""
    file = open_part(part)
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if row < rows:
            found = file.read_row_group(group, ["spectrum_id", "flux", "ivar"]).slice(row, 1)
            break
        row -= rows
    else:
        raise UserError(f"{part} has fewer rows than the catalogue: run jobs/classify.py again")
    if found["spectrum_id"][0].as_py() != spectrum_id:
        raise UserError(f"{part} is not what the catalogue is of: run jobs/classify.py again")
    flux, ivar = (np.array(found[name][0].values) for name in ("flux", "ivar"))
    return np.where(ivar > 0, flux, np.float32(np.nan))
