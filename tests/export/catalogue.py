"""A small catalogue, and its lines, with everything that a row may lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hpgeom
import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from galspec_spark.catalog.read import read_catalog
from galspec_spark.catalog.survey_pages import SKYSERVER
from galspec_spark.export.line_columns import WITH_LINES
from galspec_spark.labels import BINARY
from galspec_spark.measure.schema import LINES
from galspec_spark.spectrum.grid import PIXELS
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import CATALOG, RESTFRAME, SPECTRA
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

ROWS = 60
COMPONENTS = 5
#: Nothing is known of this spectrum but its name.
LEFT_OUT = 7
#: This spectrum of `MEASURED` has no lines.
WITHOUT_LINES = 10
#: The release whose lines were measured.
MEASURED = "dr14"
RELEASES = (MEASURED, "dr16")
MODEL = "f00dfeed0123"
MEASURED_BY = {"version": "0.2.0", "run_id": "20260202T000000-dcba", "config_hash": "4567cdef"}
PROVENANCE = {"version": "0.1.0", "run_id": "20260101T000000-abcd", "config_hash": "0123abcd"}


def write_catalogue(root: Path) -> None:
    """Write a warehouse whose catalogue has two parts of two releases."""
    Warehouse(root).mark_format()
    for release in RELEASES:
        place = root / f"catalog/survey=sdss/release={release}/model={MODEL}/0.0123456789ab.parquet"
        rows = [row for row in map(_row, range(ROWS)) if row["release"] == release]
        with part_writer(Location.of(place), CATALOG) as writer:
            writer.write_table(pa.Table.from_pylist(rows, CATALOG))


def write_lines(root: Path) -> None:
    """Write the lines of one of the releases."""
    place = root / f"lines/survey=sdss/release={MEASURED}/0.parquet"
    rows = [_lines(number) for number in range(ROWS) if _release(number) == MEASURED]
    with part_writer(Location.of(place), LINES) as writer:
        writer.write_table(pa.Table.from_pylist(rows, LINES))


def write_spectra(root: Path) -> None:
    """Write the observed spectra of one of the releases."""
    place = root / f"spectra/survey=sdss/release={MEASURED}/0.parquet"
    rows = [_spectrum(number) for number in range(ROWS) if _release(number) == MEASURED]
    with part_writer(Location.of(place), SPECTRA) as writer:
        writer.write_table(pa.Table.from_pylist(rows, SPECTRA))


def write_restframe(root: Path) -> None:
    """Write the pixels of all rows but `LEFT_OUT`, some in a row group."""
    for release in RELEASES:
        place = root / f"restframe/survey=sdss/release={release}/0.parquet"
        rows = [_pixels(number) for number in range(ROWS) if _release(number) == release]
        with part_writer(Location.of(place), RESTFRAME) as writer:
            writer.write_table(pa.Table.from_pylist(rows, RESTFRAME), row_group_size=7)


def exported_rows() -> list[dict[str, Any]]:
    """Return the rows in the order of export, as float32 and short integers have them."""
    rows = []
    for number in range(ROWS):
        row = _row(number)
        if row["release"] == MEASURED:
            lines = {**_lines(number), **_keys(number)}
            measured_by = {f"lines_{name}": lines.pop(name) for name in MEASURED_BY}
            flags = {name: int(v) for name, v in lines.items() if isinstance(v, bool)}
            row = {**lines, **flags, **measured_by, **row}
        rows.append(row)
    return sorted(pa.Table.from_pylist(rows, WITH_LINES.schema).to_pylist(), key=_place)


def open_catalogue(spark: SparkSession, root: Path) -> DataFrame:
    return read_catalog(spark, Warehouse(root), MODEL)


def without_empty_text(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as formats have it that do not tell empty text from a missing one."""
    return {name: None if value == "" else value for name, value in row.items()}


def _place(row: dict[str, Any]) -> tuple[int, str]:
    return (-1 if row["healpix29"] is None else row["healpix29"], row["spectrum_id"])


def _release(number: int) -> str:
    return RELEASES[number % 2]


def _spectrum_id(number: int) -> str:
    return f"sdss-{_release(number)}-{266 + number}-51602-1"


def _keys(number: int) -> dict[str, Any]:
    """Return the keys of a spectrum; one in three is of a plate and reduction that are known."""
    if number % 3:
        url = f"/survey/{number}.fits"
        return {"field": "015000", "subclass": "", "simulated": True, "url": url}
    plate, fiber = 266 + number, 1 + number
    return {
        "plate": plate,
        "mjd": 51602,
        "fiber": fiber,
        "run2d": "26",
        "z_err": 1e-5 * number,
        "zwarning": 4,
        "simulated": False,
        "subclass": "STARFORMING BROADLINE",
        "specobjid": str((plate << 50) + (fiber << 38) + (1602 << 24) + (26 << 10)),
        "url": f"{SKYSERVER}?plate={plate}&mjd=51602&fiber={fiber}",
    }


def _spectrum(number: int) -> dict[str, Any]:
    of_pixels = {"quality": 0, "loglam0": 3.6, "pixels": 1, "flux": [1.0], "ivar": [1.0]}
    file = {"spectrum_id": _spectrum_id(number), "file": f"/survey/{number}.fits"}
    return {**_keys(number), **of_pixels, **file}


def _pixels(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    row = {"spectrum_id": _spectrum_id(number), "file": f"/survey/{number}.fits", "quality": 0}
    if number == LEFT_OUT:
        return row
    return {**row, "flux": random.normal(size=PIXELS), "ivar": random.uniform(size=PIXELS)}


def _lines(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    row: dict[str, Any] = {
        "spectrum_id": _spectrum_id(number),
        "file": f"/survey/{number}.fits",
        "templates": "stars.fits 0123456789ab",
        "templates_seen": number % 3 == 0,
        **MEASURED_BY,
    }
    for field in LINES:
        if field.name in row or number == WITHOUT_LINES or random.uniform() < 0.1:
            continue
        if pa.types.is_floating(field.type):
            row[field.name] = random.normal()
        elif pa.types.is_integer(field.type):
            row[field.name] = int(random.integers(0, 100))
        elif pa.types.is_boolean(field.type):
            row[field.name] = bool(random.integers(0, 2))
        else:
            row[field.name] = str(random.choice(["AGN", "STARFORMING", ""]))
    return row


def _row(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    row: dict[str, Any] = {
        "spectrum_id": _spectrum_id(number),
        "survey": "sdss",
        "release": _release(number),
        "model": MODEL,
        "class": "abstain",
        "reason": "sky",
        "flags": 1 << FLAG_BITS["LEFT_OUT"],
        **PROVENANCE,
    }
    if number == LEFT_OUT:
        return row
    ra, dec = random.uniform(0, 360), np.degrees(np.arcsin(random.uniform(-1, 1)))
    return row | {
        "object_id": f"object-{number // 2}",
        "ra": ra,
        "dec": dec,
        "healpix29": int(hpgeom.angle_to_pixel(2**29, ra, dec)),
        "z": random.uniform(0.01, 0.3),
        "sn_median": random.uniform(2, 50),
        "coverage": random.uniform(0.9, 1),
        "label": (None, 0, 1)[number % 3],
        "reason": None,
        "class": ("AGN", "other", "abstain")[number % 3],
        "probability": random.uniform(),
        "margin": random.uniform(-0.5, 0.5),
        "prediction_set": BINARY.set_names[number % len(BINARY.set_names)],
        "reconstruction_error": random.uniform(),
        "flags": number % 64,
        "features": random.normal(size=COMPONENTS).tolist(),
    }
