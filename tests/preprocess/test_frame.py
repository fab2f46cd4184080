"""Preprocessing of a DataFrame, beside the tables that the fast way makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from galspec_spark import udfs
from galspec_spark.api.frame import preprocess_frame
from galspec_spark.config import PreprocessConfig
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.spectrum.masks import good_pixels
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.tables import Warehouse

SETTINGS = PreprocessConfig()


def assert_same(spark: SparkSession, warehouse: Warehouse) -> None:
    """Compare what is selected, how it is labelled, and every pixel."""
    columns = ["spectrum_id", "file", "label", "reason", "coverage"]
    expected = read_sample(warehouse, columns).to_pandas().sort_values(columns[:2])
    found = preprocess_frame(read_table(spark, warehouse, "spectra"), SETTINGS)
    pixels = [*columns, "flux", "ivar"]
    rows = found.select(pixels).toPandas().sort_values(columns[:2])
    for name in columns[:4]:
        assert expected[name].fillna("none").tolist() == rows[name].fillna("none").tolist()
    np.testing.assert_allclose(rows["coverage"], expected["coverage"], atol=1e-6)
    moved = read_table(spark, warehouse, "restframe").select("spectrum_id", "file", "flux", "ivar")
    table = moved.toPandas().sort_values(columns[:2])
    for name in ("flux", "ivar"):
        for ours, theirs in zip(table[name], rows[name], strict=True):
            assert (ours is None) == (theirs is None)
            if ours is not None:
                np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_simulated_and_odd_spectra(spark, spectra, run_of) -> None:
    preprocess(spark, run_of("preprocess"), spectra)
    assert_same(spark, spectra)


def test_real_spectra(spark, real_warehouse: Path) -> None:
    assert_same(spark, Warehouse(real_warehouse))


def test_good_pixels(spark, spectra) -> None:
    rows = read_table(spark, spectra, "spectra").limit(3)
    mask = udfs.good_pixels("flux", "ivar", "and_mask", F.lit(1 << 24))
    for row in rows.select("flux", "ivar", "and_mask", mask.alias("good")).collect():
        flux, ivar = (np.array(row[name], np.float32) for name in ("flux", "ivar"))
        expected = good_pixels(flux, ivar, np.array(row["and_mask"]), 1 << 24)
        assert row["good"] == expected.tolist()


@pytest.mark.parametrize("method", ["none", "median", "unit_norm", "continuum"])
def test_every_way_to_scale_is_there(spark, method: str) -> None:
    pixels = (np.arange(2642) / 1000 + 1).astype(np.float32).tolist()
    frame = spark.createDataFrame(
        [(pixels, [4.0] * 2642), (None, None)], "flux array<float>, ivar array<float>"
    )
    scaled = frame.select(udfs.normalise(F.col("flux"), F.col("ivar"), method).alias("s"))
    first, empty = scaled.select("s.*").collect()
    assert first["has_scale"]
    assert empty["flux"] is None
    signal = np.array(first["flux"]) * np.sqrt(first["ivar"])
    np.testing.assert_allclose(signal, 2 * np.array(pixels), rtol=1e-5)
