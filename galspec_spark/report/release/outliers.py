"""The spectra that the model's features explain worst, with their pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.catalog.survey_pages import survey_page
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.ml.model.profile import Profile
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.parts import open_part, partition_values
from galspec_spark.warehouse.sample import locate, read_flux
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

SHOWN = 8
OUTLIER = 1 << FLAG_BITS["OUTLIER"]
COLUMNS = (
    "spectrum_id", "ra", "dec", "z", "sn_median", "class", "probability", RECONSTRUCTION_ERROR,
    "reason", "flags", "features",
)  # fmt: skip


@dataclass(frozen=True)
class Outlier:
    """One spectrum, and its reconstruction from the features."""

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
    address: str | None  #: of the spectrum's page at the survey
    flux: npt.NDArray[np.float32]  #: (PIXELS,), NaN where there is no information
    reconstruction: npt.NDArray[np.float64]  #: (PIXELS,)


def find_outliers(
    warehouse: Warehouse, bundle: Bundle, catalog: Sequence[Location]
) -> list[Outlier]:
    """Return the outliers furthest beyond the limit at their S/N, at most `SHOWN`.

    Parameters
    ----------
    catalog
        Parts of the catalogue of one release.
    """
    rows = furthest(catalog, bundle.profile)
    places = locate(warehouse, [row["spectrum_id"] for row in rows])
    return [_outlier(row, places[row["spectrum_id"]], warehouse, bundle) for row in rows]


def furthest(catalog: Sequence[Location], profile: Profile) -> list[dict[str, Any]]:
    """Return rows of the catalogue with their ``ratio``, the greatest first; ties by identifier."""
    rows = pa.table({})
    for part in catalog:
        for batch in open_part(part).iter_batches(columns=list(COLUMNS)):
            is_outlier = pc.not_equal(pc.bit_wise_and(batch["flags"], OUTLIER), 0)
            outliers = batch.filter(pc.and_(is_outlier, batch["reason"].is_null()))
            limits = profile.error_limit(outliers["sn_median"].to_numpy(zero_copy_only=False))
            ratio = pc.divide(outliers[RECONSTRUCTION_ERROR].cast(pa.float64()), pa.array(limits))
            new = pa.table(outliers.append_column("ratio", ratio))
            rows = pa.concat_tables([rows, new]) if rows.num_columns else new
            order = [("ratio", "descending"), ("spectrum_id", "ascending")]
            rows = rows.sort_by(order).slice(0, SHOWN)
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def _outlier(
    row: Mapping[str, Any], place: tuple[str, int], warehouse: Warehouse, bundle: Bundle
) -> Outlier:
    place_in, number = place
    part = warehouse.root / place_in
    of_part = partition_values(part)
    simulated = open_part(part).read(["simulated"])["simulated"][number].as_py()
    same = ("spectrum_id", "ra", "dec", "z", "sn_median", "probability", "ratio")
    reconstruction = bundle.features.reconstruct(np.array([row["features"]]))
    assert reconstruction is not None, "features without a reconstruction make no outlier"
    return Outlier(
        **{name: row[name] for name in same},
        class_name=row["class"],
        part=place_in,
        row=number,
        address=survey_page(of_part["survey"], of_part["release"], row["spectrum_id"], simulated),
        flux=read_flux(part, number, row["spectrum_id"]),
        reconstruction=reconstruction[0],
    )
