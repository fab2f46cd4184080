"""Simulated rest-frame spectra, for comparisons that need more of them than there are files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from galspec_spark.harness.run import Run
from galspec_spark.ml.labelled.spectra import LabelledSpectra, labelled_spectra
from galspec_spark.simulate.restframe import simulate_restframe
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.sample import read_sample
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

#: What a labelled table has beside the flux.
NARROW = ("spectrum_id", "label", "split", "fold")


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


def spectra_of(spark: SparkSession, warehouse: Warehouse) -> LabelledSpectra:
    """Return the labelled spectra of a warehouse, as training reads them."""
    split = read_sample(warehouse, ["split"])["split"].to_pylist()
    return labelled_spectra(spark, warehouse, split.count("train"))


def write_labelled(spectra: LabelledSpectra, folder: Path) -> str:
    """Write one table with labels and spectra without gaps, as users of other tools have it."""
    for number, task in enumerate(spectra.tasks):
        writer = None
        for rows, flux, _ in spectra.read(task, NARROW):
            table = rows.select(NARROW).append_column("flux", pa.array(lists_of(flux)))
            place = Location.of(folder / f"part-{number}.parquet")
            writer = writer or part_writer(place, table.schema)
            writer.write_table(table)
        if writer:
            writer.close()
    return str(folder)


def read_flux(table: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Read all spectra of a table as a user of scikit-learn does, shape (spectra, pixels)."""
    flux = pq.read_table(table, columns=["flux"])["flux"].combine_chunks()
    matrix: np.ndarray[Any, np.dtype[np.float32]] = flux.flatten().to_numpy()
    return matrix.reshape(len(flux), -1)
