"""A classified release with lines and observed spectra, and its page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.catalog.read import place_in
from galspec_spark.catalog.stage import classify
from galspec_spark.harness.run import Run
from galspec_spark.ml.model.bundle import Bundle, load_bundle
from galspec_spark.spectrum.grid import LOGLAM0
from galspec_spark.viewer.lines import NAMED
from galspec_spark.viewer.stage import view_catalog
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.tables import Warehouse
from tests.releases import draw, leave_out, with_sky, write_release

#: By what the observed spectra are brighter than those of ``restframe``.
SCALE = 3.0
SPECTRA = 150


@pytest.fixture(scope="session")
def bundle(release_model: Path) -> Bundle:
    return load_bundle(release_model)


@pytest.fixture(scope="session")
def classified(
    spark: SparkSession, release_model: Path, run_of: Callable[..., Run], tmp_path_factory
) -> Warehouse:
    """A release in two parts, with the sky and some that are left out. Read it only."""
    root = tmp_path_factory.mktemp("viewer")
    first = leave_out(draw(41, 100, with_sky), 10, "zwarning")
    write_release(root, "dr1", first, draw(42, SPECTRA - 100))
    warehouse = Warehouse(root)
    classify(spark, run_of("classify"), warehouse, release_model, None)
    for part in warehouse.parts("catalog"):
        rows = open_part(warehouse.root / place_in("restframe", part)).read()
        for table, content in (("lines", lines_of(rows)), ("spectra", observed(rows))):
            with part_writer(warehouse.root / place_in(table, part), content.schema) as writer:
                writer.write_table(content)
    return warehouse


def lines_of(rows: pa.Table) -> pa.Table:
    """Return fits of lines, of which Hβ is detected in every other spectrum."""
    n = len(rows)
    columns = {
        "spectrum_id": rows["spectrum_id"],
        "line_z": rows["z"],
        "formula_subclass": pa.repeat("STARFORMING", n),
        "formula_margin": np.full(n, -4.0, np.float32),
        "formula_survival": np.full(n, 0.99, np.float32),
    }
    random = np.random.default_rng(3)
    for line in NAMED:
        area = random.lognormal(3, 0.5, n).astype(np.float32)
        fit = {"area": area, "area_err": np.full(n, 1), "ew": area / 3, "continuum": np.full(n, 3)}
        for name, values in {**fit, "sigma": np.full(n, 120)}.items():
            columns[f"{line.name}_{name}"] = values.astype(np.float32)
    columns["h_beta_area_err"] = np.where(np.arange(n) % 2, 1, 1000).astype(np.float32)
    return pa.table(columns)


def observed(rows: pa.Table) -> pa.Table:
    """Return the spectra as observed, as the table ``spectra`` has them."""
    flux, ivar = (
        [[float(pixel) * factor for pixel in row] for row in rows[name].to_pylist()]
        for name, factor in (("flux", SCALE), ("ivar", SCALE**-2))
    )
    pixels = pa.list_(pa.float32())
    return pa.table(
        {
            "spectrum_id": rows["spectrum_id"],
            "z": rows["z"],
            "loglam0": LOGLAM0 + np.log10(1 + rows["z"].to_numpy()),
            "flux": pa.array(flux, pixels),
            "ivar": pa.array(ivar, pixels),
            "and_mask": pa.nulls(len(rows), pa.list_(pa.int32())),
        }
    )


@pytest.fixture(scope="session")
def page(
    spark: SparkSession, classified: Warehouse, bundle: Bundle, run_of, tmp_path_factory
) -> Path:
    """The page of the release."""
    output = tmp_path_factory.mktemp("page")
    summary = view_catalog(spark, run_of("view"), classified, bundle, "dr1", output)
    return Path(str(summary["page"]))
