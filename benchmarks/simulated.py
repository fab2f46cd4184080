"""Simulated rest-frame spectra, for comparisons that need more of them than there are files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from galspec_spark.harness.run import Run
from galspec_spark.simulate.restframe import simulate_restframe
from galspec_spark.warehouse.tables import Warehouse


def simulate_rows(
    spark: SparkSession, run: Run, folder: Path, spectra: int, folds: int
) -> Warehouse:
    """Make a warehouse whose table ``restframe`` has so many spectra."""
    config = run.config
    sections = {
        "simulate": config.simulate.model_copy(update={"spectra": spectra}),
        "preprocess": config.preprocess.model_copy(update={"folds": folds}),
    }
    warehouse = Warehouse(folder)
    simulate_restframe(spark, replace(run, config=config.model_copy(update=sections)), warehouse)
    return warehouse


def read_flux(table: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Read all spectra of a table as a user of scikit-learn does, shape (spectra, pixels)."""
    flux = pq.read_table(table, columns=["flux"])["flux"].combine_chunks()
    matrix: np.ndarray[Any, np.dtype[np.float32]] = flux.flatten().to_numpy()
    return matrix.reshape(len(flux), -1)
