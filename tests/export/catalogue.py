"""A small catalogue with everything that a row may lack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hpgeom
import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from galspec_spark.export.columns import SCHEMA
from galspec_spark.warehouse.flags import FLAG_BITS
from galspec_spark.warehouse.frames import scan
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import CATALOG
from galspec_spark.warehouse.storage import Location

ROWS = 60
COMPONENTS = 5
#: Nothing is known of this spectrum but its name.
LEFT_OUT = 7
PROVENANCE = {"version": "0.1.0", "run_id": "20260101T000000-abcd", "config_hash": "0123abcd"}


def write_catalogue(folder: Path) -> list[dict[str, Any]]:
    """Write the table in two parts of two releases; return its rows in the order of export."""
    rows = [_row(number) for number in range(ROWS)]
    for release in ("dr14", "dr16"):
        part = folder / f"survey=sdss/release={release}/model=f00dfeed0123/0.parquet"
        chosen = [row for row in rows if row["release"] == release]
        with part_writer(Location.of(part), CATALOG) as writer:
            writer.write_table(pa.Table.from_pylist(chosen, CATALOG))
    table = pa.Table.from_pylist(rows, SCHEMA)  # as float32 has them
    return sorted(table.to_pylist(), key=_place)


def _place(row: dict[str, Any]) -> tuple[int, str]:
    return (-1 if row["healpix29"] is None else row["healpix29"], row["spectrum_id"])


def read_catalogue(spark: SparkSession, folder: Path) -> DataFrame:
    return scan(spark, sorted(Location.of(path) for path in folder.rglob("*.parquet")))


def _row(number: int) -> dict[str, Any]:
    random = np.random.default_rng(number)
    release = ("dr14", "dr16")[number % 2]
    row: dict[str, Any] = {
        "spectrum_id": f"sdss-{release}-{266 + number}-51602-1",
        "survey": "sdss",
        "release": release,
        "model": "f00dfeed0123",
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
        "reconstruction_error": random.uniform(),
        "flags": number % 64,
        "features": random.normal(size=COMPONENTS).tolist(),
    }
