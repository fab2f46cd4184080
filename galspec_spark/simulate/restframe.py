"""Simulates the table ``restframe`` directly, without files and observed spectra, for scale tests.

Each task simulates whole blocks and streams them into one Parquet part, a row group for each block,
so its memory is bounded by a block. Preprocess's own code makes the table ``sample``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from galspec_spark.config import Config
from galspec_spark.errors import UserError
from galspec_spark.harness.progress import spark_progress
from galspec_spark.harness.run import Run
from galspec_spark.harness.tasks import run_tasks
from galspec_spark.preprocess.recipe import State
from galspec_spark.preprocess.renew import renew_sample, stage_sample
from galspec_spark.preprocess.summary import summarise
from galspec_spark.readers.batch import healpix29
from galspec_spark.simulate.restframe_block import BLOCK, Block, simulate_block
from galspec_spark.simulate.survey import read_selection
from galspec_spark.spectrum.arrays import lists_of
from galspec_spark.spectrum.restframe import coverage
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import RESTFRAME
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

SURVEY = "simulated"
#: Bytes of Parquet per spectrum, roughly.
STORED_BYTES = 8500


@dataclass(frozen=True)
class Work:
    """Input that all tasks share."""

    config: Config
    selection: npt.NDArray[np.float64] | None  #: redshifts and S/N to follow
    staging: Location
    run_id: str
    provenance: dict[str, str]

    @property
    def release(self) -> str:
        """Return the rows' data release: each seed is a survey of its own."""
        return f"seed{self.config.simulate.seed}"


def simulate_restframe(spark: SparkSession, run: Run, warehouse: Warehouse) -> dict[str, Any]:
    """Make the tables ``restframe`` and ``sample`` of a simulated survey, in place of any others.

    All spectra are galaxies that preprocess would use.

    Returns
    -------
    dict
        Preprocess's counts, ``parts`` and ``megabytes``.

    Raises
    ------
    UserError
        If the warehouse holds spectra, whose ``restframe`` would be lost, or the table of redshifts
        and S/N cannot be used.
    """
    config = run.config
    if warehouse.parts("spectra"):
        raise UserError(
            f"{warehouse.root} holds spectra, and what preprocess made of them would be replaced: "
            "give another --output"
        )
    like = config.simulate.like
    selection = None if like is None else read_selection(Path(like))
    state = State.of(config.preprocess)
    with warehouse.writing(run.id) as staging:
        work = Work(config, selection, staging.folder, run.id, run.columns())
        with spark_progress(spark, "simulate", config.simulate.spectra, "spectra"):
            tasks = _blocks_of_tasks(config, spark.sparkContext.defaultParallelism)
            parts = dict(run_tasks(spark, partial(_write_part, work=work), tasks))
        decided = renew_sample(run, warehouse, parts, set(), state)
        megabytes = sum(part.status().size for part in parts.values()) / 1e6
        moves = [(part, place) for place, part in parts.items()]
        moves += stage_sample(run, staging, decided.rows, state)
        replaced = [*warehouse.parts("restframe"), *warehouse.parts("sample")]
        warehouse.commit(staging, moves, remove=replaced)
    counts = summarise(decided.rows, config.preprocess)
    return {**counts, "parts": len(parts), "megabytes": round(megabytes, 1)}


def _blocks_of_tasks(config: Config, cores: int) -> list[list[int]]:
    """Return each task's blocks: parts of at most the configured size, a multiple of the cores."""
    size = config.simulate.spectra * STORED_BYTES
    parts = -(-size // (config.ingest.part_megabytes * 1_000_000))
    blocks = np.arange(-(-config.simulate.spectra // BLOCK))
    tasks = min(len(blocks), cores * -(-parts // cores))
    return [task.tolist() for task in np.array_split(blocks, tasks)]


def _write_part(blocks: Sequence[int], work: Work) -> tuple[str, Location]:
    """Simulate blocks into one part; return its place and the staged file."""
    part = f"{work.run_id}-{blocks[0]:06d}.parquet"
    place = f"restframe/survey={SURVEY}/release={work.release}/{part}"
    staged = work.staging / os.urandom(4).hex() / place
    with part_writer(staged, RESTFRAME) as writer:
        for number in blocks:
            block = simulate_block(number, work.config, work.selection)
            wanted = min(BLOCK, work.config.simulate.spectra - number * BLOCK)
            writer.write_table(restframe_table(block, work).slice(0, wanted))
    return place, staged


def restframe_table(block: Block, work: Work) -> pa.Table:
    """Return a block as rows of ``restframe``."""
    n = len(block.index)
    name = pa.array(_names(block.index, work.release))
    values: dict[str, Any] = {
        "spectrum_id": name,
        "file": name,
        "survey_object_id": _names(block.object, work.release),
        "source_type": pa.repeat("GALAXY", n),
        "ra": block.ra,
        "dec": block.dec,
        "healpix29": healpix29(block.ra, block.dec),
        "z": block.z,
        "zwarning": np.zeros(n, np.int32),
        "class": pa.repeat("GALAXY", n),
        "subclass": block.subclass.tolist(),
        "sn_median": block.sn_median.astype(np.float32),
        "quality": np.zeros(n, np.int32),
        "coverage": coverage(block.good),
        "simulated": np.ones(n, np.bool_),
        "has_scale": np.ones(n, np.bool_),
        "flux": lists_of(np.where(block.good, block.flux, np.float32(0))),
        "ivar": lists_of(block.ivar),
        **{column: pa.repeat(value, n) for column, value in work.provenance.items()},
    }
    columns = [pa.array(values[field.name], field.type) for field in RESTFRAME]
    return pa.Table.from_arrays(columns, schema=RESTFRAME)


def _names(index: npt.NDArray[np.int64], release: str) -> pa.Array:
    """Return names such as simulated-seed1-000000017."""
    digits = pc.utf8_lpad(pa.array(index).cast(pa.string()), 9, "0")
    return pc.binary_join_element_wise(SURVEY, release, digits, "-")
