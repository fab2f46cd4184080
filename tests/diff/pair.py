"""Two releases of the same spectra, with changes planted into the second one.

Tables are written by hand: a simulated spectrum at rest is put where it would be observed, and
what stands for a model and for the measurement of lines are sums over its pixels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from galspec_spark.lines.formula import FORMULA_LINES
from galspec_spark.measure.schema import LINES
from galspec_spark.ml.model.bundle import CARD, checksum_of, model_id
from galspec_spark.preprocess.pixels import move_rows
from galspec_spark.spectrum.arrays import Doubles, lists_of
from galspec_spark.spectrum.grid import LOGLAM0, LOGLAM_STEP, PIXELS, loglam
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import CATALOG, CLASSES, SPECTRA
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests.warehouses import with_columns, write_tables

PROVENANCE = {"version": "test", "run_id": "test", "config_hash": "test"}
FIBRES = 20
#: Pixels beyond the grid on each side, so that another redshift does not change the coverage.
MARGIN = 200
#: The pixel of each line.
LINE_PIXELS = {
    name: int(np.argmin(np.abs(loglam() - np.log10(wavelength))))
    for name, wavelength in zip(FORMULA_LINES, (4862.68, 5008.24, 6564.61, 6585.27), strict=True)
}
LEVEL, SIGMA = 10.0, 0.5
ROW_GROUP = 20


@dataclass
class Release:
    """Spectra as observed, and what the survey says of them; arrays have a row a spectrum."""

    number: np.ndarray  #: the identity of each spectrum, which gives its plate and fibre
    observed_z: Doubles  #: at which the spectrum was drawn
    z: Doubles  #: what the survey says
    flux: np.ndarray
    ivar: np.ndarray
    label: np.ndarray
    areas: np.ndarray  #: added to [N II], over the median flux
    model: str = "one"

    def take(self, rows: np.ndarray) -> Release:
        """Return some of the spectra."""
        values = {name: each[rows].copy() for name, each in vars(self).items() if name != "model"}
        return Release(**values, model=self.model)


def draw(count: int, seed: int = 1) -> Release:
    """Draw spectra: a continuum with absorption and emission lines, and noise."""
    random = np.random.default_rng(seed)
    pixels = np.arange(PIXELS + 2 * MARGIN) - MARGIN
    slope = random.normal(0, 0.2, (count, 1)) * pixels / PIXELS
    flux = LEVEL * random.uniform(0.5, 2, (count, 1)) * np.exp(slope)
    for place in LINE_PIXELS.values():
        height = random.uniform(0, 20, (count, 1))
        flux = flux + height * np.exp(-0.5 * ((pixels - place) / 3) ** 2)
    flux = flux + random.normal(0, SIGMA, flux.shape)
    z = random.uniform(0.05, 0.2, count)
    return Release(
        np.arange(count),
        z,
        z.copy(),
        flux.astype(np.float32),
        np.full(flux.shape, SIGMA**-2, np.float32),
        random.integers(0, 2, count),
        np.zeros(count),
    )


def write(root: Path, releases: dict[str, Release], *, measured: bool = True) -> Warehouse:
    """Write all tables of some releases."""
    warehouse = Warehouse(root)
    parts = {}
    for name, release in releases.items():
        place = f"survey=sdss/release={name}/a.parquet"
        spectra = _spectra(name, release)
        with part_writer(warehouse.table("spectra") / place, SPECTRA) as writer:
            writer.write_table(spectra, row_group_size=ROW_GROUP)
        columns = spectra.to_batches()[0]
        rest = pa.Table.from_batches([move_rows(columns, 0, "median", PROVENANCE)])
        names = pa.array([f"object-{n}" for n in release.number])
        labelled = rest.append_column("object_id", names)
        parts[place] = labelled.append_column("label", pa.array(release.label, pa.int32()))
        _write_scores(warehouse, name, release, rest)
        if measured:
            _write_lines(warehouse.table("lines") / place, release, rest)
    write_tables(root, parts, row_group_size=ROW_GROUP)
    return warehouse


def model_folder(root: Path, name: str) -> Path:
    """Return a folder with the card of a model, which is all that a diff reads of it."""
    folder = root.with_name(f"{root.name}-{name}")
    folder.mkdir(exist_ok=True)
    content = {"version": name}
    card = {**content, "checksum": checksum_of(content)}
    (folder / CARD).write_text(json.dumps(card))
    return folder


def _spectra(name: str, release: Release) -> pa.Table:
    plate, fiber = release.number // FIBRES + 300, release.number % FIBRES + 1
    ids = [f"sdss-{name}-{p}-51000-{f:03d}" for p, f in zip(plate, fiber, strict=True)]
    columns = {
        "spectrum_id": ids,
        "plate": plate,
        "mjd": np.full(len(ids), 51000),
        "fiber": fiber,
        "z": release.z,
        "sn_median": np.float32(np.median(release.flux * np.sqrt(release.ivar), axis=1)),
        # The spectrum stays where it was observed, whatever redshift is told of it.
        "loglam0": LOGLAM0 - MARGIN * LOGLAM_STEP + np.log10(1 + release.observed_z),
        "flux": lists_of(release.flux),
        "ivar": lists_of(release.ivar),
    }
    constants = {"pixels": release.flux.shape[1]}
    return with_columns(pa.table(columns), SPECTRA, constants).combine_chunks()


def score(flux: Doubles) -> Doubles:
    """Return what stands for the probability of AGN: of [N II] over the continuum."""
    place = LINE_PIXELS["nii_6583"]
    line = flux[:, place - 5 : place + 6].mean(axis=1) - np.median(flux, axis=1)
    return np.asarray(1 / (1 + np.exp(-20 * (line - 0.35))))


def _pixels(rest: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(rest[name].to_pylist(), np.float64) for name in ("flux", "ivar"))  # type: ignore[return-value]


def _write_scores(warehouse: Warehouse, name: str, release: Release, rest: pa.Table) -> None:
    flux, ivar = _pixels(rest)
    probability = score(flux)
    columns = {
        "spectrum_id": rest["spectrum_id"],
        "z": rest["z"],
        "class": np.where(probability >= 0.5, "AGN", "other"),
        "probability": probability,
        "reconstruction_error": np.sqrt(np.mean((flux - 1) ** 2 * (ivar > 0), axis=1)),
    }
    table = with_columns(pa.table(columns), CATALOG, {"flags": 0})
    table = table.replace_schema_metadata({CLASSES: "other|AGN"})
    model = model_id(model_folder(Path(warehouse.root.path), release.model))
    place = f"catalog/survey=sdss/release={name}/model={model}/a.0123.parquet"
    with part_writer(warehouse.root / place, table.schema) as writer:
        writer.write_table(table)


def _write_lines(place: Location, release: Release, rest: pa.Table) -> None:
    flux, ivar = _pixels(rest)
    level = np.median(release.flux, axis=1)
    columns = {
        "spectrum_id": rest["spectrum_id"],
        "z": rest["z"],
        "continuum_chi2": (flux**2 * ivar).sum(axis=1),
        "continuum_pixels": (ivar > 0).sum(axis=1),
    }
    for line, pixel in LINE_PIXELS.items():
        more = release.areas if line == "nii_6583" else 0
        columns[f"{line}_area"] = level * (flux[:, pixel - 6 : pixel + 7].sum(axis=1) + more)
        columns[f"{line}_area_err"] = level * 0.2
    constants = {"templates": "t", "templates_seen": False}
    with part_writer(place, LINES) as writer:
        writer.write_table(with_columns(pa.table(columns), LINES, constants))
