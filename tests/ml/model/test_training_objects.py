"""What a model learned from is told by name or place, as preprocess links objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from galspec_spark.ml.model.training_objects import (
    IDENTITY,
    TrainingObjects,
    write_training_objects,
)
from galspec_spark.preprocess.objects import LINK_ARCSEC, same_place
from galspec_spark.warehouse.schemas import SAMPLE

SCHEMA = pa.schema([SAMPLE.field(name).with_nullable(True) for name in IDENTITY])


def rows(*values: tuple[str | None, str | None, float | None, float | None]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(IDENTITY, row, strict=True)) for row in values], SCHEMA)


def learned(folder: Path, training: pa.Table) -> TrainingObjects:
    write_training_objects(training, folder)
    return TrainingObjects.read(folder)


def test_an_object_is_told_by_either_name_or_by_its_place(tmp_path: Path) -> None:
    known = learned(
        tmp_path,
        rows(("z-last", "sdss-1", 10.0, 20.0), ("a-first", None, None, None)),
    )
    asked = rows(
        ("z-last", None, None, None),
        ("of another warehouse", "sdss-1", 99.0, 0.0),
        ("of another survey", "desi-7", 10.0, 20.0 + 0.9 * LINK_ARCSEC / 3600),
        ("a-first", "sdss-8", 50.0, 50.0),
        ("other", "sdss-2", 10.0, 20.0 + 1.1 * LINK_ARCSEC / 3600),
        (None, None, None, None),
        ("off the sky", None, -9999.0, -9999.0),
    )
    assert known.contain(asked).tolist() == [True] * 4 + [False] * 3
    assert known.contain(asked.slice(4)).tolist() == [False] * 3
    assert known.contain(asked.slice(0, 0)).tolist() == []


@pytest.mark.parametrize("dec", [-90, -41.8, 0, 41.8, 60, 89.9999])
def test_places_are_those_that_preprocess_links(tmp_path: Path, dec: float) -> None:
    """Also at the poles and where the base pixels of HEALPix meet, for 0 and 360 degrees."""
    random = np.random.default_rng(1)
    n, spread = 600, 60 / 3600
    width = 180 if abs(dec) > 89 else spread / np.cos(np.radians(dec))
    ra = random.uniform(-width, width, n) % 360
    declination = dec + random.uniform(-spread, spread, n)
    declination = np.sign(dec) * (90 - abs(90 - abs(declination))) if dec else declination
    half = n // 2
    known = learned(
        tmp_path,
        rows(*((None, None, *each) for each in zip(ra[:half], declination[:half], strict=True))),
    )
    asked = rows(*((None, None, *each) for each in zip(ra[half:], declination[half:], strict=True)))
    pairs = same_place(ra, declination)
    linked = {b - half for a, b in np.sort(pairs, axis=1).tolist() if a < half <= b}
    assert 20 < len(linked) < half
    assert set(np.flatnonzero(known.contain(asked)).tolist()) == linked
