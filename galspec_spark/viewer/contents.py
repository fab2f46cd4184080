"""The data in the page: columns of the table, pixels, reconstructions, lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.catalog.survey_pages import survey_page
from galspec_spark.labels import AGN
from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.ml.model.bundle import Bundle
from galspec_spark.spectrum.arrays import Doubles, rows_of
from galspec_spark.spectrum.grid import LOGLAM0, LOGLAM_STEP, PIXELS
from galspec_spark.viewer.lines import ABSORPTION, NAMED, VALUES, Plane, fits
from galspec_spark.viewer.pixels import NOISE_BIN, NOISE_STEP
from galspec_spark.viewer.reconstruction import LowRank
from galspec_spark.warehouse.flags import ABSTAIN, FLAGS

#: Columns of the page's table and of its CSV file, and the decimals that numbers keep.
COLUMNS: dict[str, int | None] = {
    "spectrum_id": None, "object_id": None, "survey": None, "release": None, "split": None,
    "class": None, "probability": 4, "margin": 4, "prediction_set": None, "label": None,
    "label_source": None, "flags": None, "reason": None, "z": 5, "sn_median": 2, "coverage": 4,
    "ra": 5, "dec": 5, RECONSTRUCTION_ERROR: 5, "formula_subclass": None, "formula_margin": 2,
    "formula_survival": 3, "simulated": None,
}  # fmt: skip
#: Surveys whose flux has a unit: 1e-17 erg/s/cm2/A.
CALIBRATED = ("sdss", "desi")
#: Figures that a measure of a line keeps.
FIGURES = 4


@dataclass(frozen=True)
class Contents:
    """All that the page shows."""

    title: str
    about: Mapping[str, str]  #: what it was made from, as people read it
    rows: pa.Table  #: from `read_chosen`
    bundle: Bundle

    @property
    def simulated(self) -> int:
        """Return how many of the spectra are simulated."""
        return int(pc.sum(self.rows["simulated"]).as_py() or 0)

    def json(self) -> str:
        """Return the data for the page's script."""
        content = {
            "columns": {name: _values(self.rows[name], n) for name, n in COLUMNS.items()},
            "links": self._links(),
            "classes": self.bundle.classes.names,
            "agn": AGN,
            "abstain": ABSTAIN,
            "flags": [{"name": k, "bit": b, "meaning": m} for k, (b, m) in FLAGS.items()],
            "threshold": round(self.bundle.threshold, 4),
            "grid": {"loglam0": LOGLAM0, "step": LOGLAM_STEP, "pixels": PIXELS},
            "noise": {"bin": NOISE_BIN, "step": NOISE_STEP},
            "pixels": self.rows["pixels"].to_pylist(),
            "scale": [_figures(value) for value in self.rows["scale"].to_pylist()],
            "calibrated": CALIBRATED,
            "reconstruction": self._reconstruction(),
            "lines": self._lines(),
        }
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def _links(self) -> list[str | None]:
        """Return the addresses of the spectra's pages; a simulated spectrum has none."""
        names = ("survey", "release", "spectrum_id", "simulated")
        rows = zip(*(self.rows[name].to_pylist() for name in names), strict=True)
        return [survey_page(*row) for row in rows]

    def _reconstruction(self) -> dict[str, object] | None:
        features = self.rows["features"].combine_chunks()
        has = features.is_valid().to_numpy(zero_copy_only=False)
        if not has.any():
            return None
        found = self.bundle.features.reconstruct(rows_of(features.drop_null()).astype(np.float64))
        if found is None:
            return None
        spectra = np.full((len(has), found.shape[1]), np.nan)
        spectra[has] = found
        return asdict(LowRank.of(spectra))

    def _lines(self) -> dict[str, object]:
        is_measured = any(
            self.rows[f"{line.name}_area"].null_count < len(self.rows) for line in NAMED
        )
        values = _rounded(fits(self.rows)) if is_measured else None
        return {
            "named": [asdict(line) for line in NAMED],
            "values": VALUES,
            "absorption": ABSORPTION,
            "z": _values(self.rows["line_z"], 6),
            "fits": values,
            "plane": asdict(Plane()),
        }


def _values(column: pa.ChunkedArray, decimals: int | None) -> list[object]:
    if decimals is None:
        return list(column.to_pylist())
    values = column.cast(pa.float64()).to_pylist()
    return [None if v is None or not np.isfinite(v) else round(v, decimals) for v in values]


def _rounded(measures: Doubles) -> list[list[list[float | None]]]:
    """Return numbers (n, lines, values) as nested lists, null where there is none."""
    return [[[_figures(v) for v in line] for line in row] for row in measures.tolist()]


def _figures(value: float | None) -> float | None:
    if value is None or not np.isfinite(value):
        return None
    return float(f"{value:.{FIGURES}g}")
