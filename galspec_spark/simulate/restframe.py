"""The table ``restframe`` made directly, without files and observed spectra, for tests of scale.

Each task simulates whole blocks and streams them into one Parquet part, a row group for each block,
so its memory is bounded by a block. The driver commits the parts as preprocess does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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
from galspec_spark.preprocess.stage import MEAN_SPECTRUM, STATE, recipe_of, write_mean_spectrum
from galspec_spark.simulate.restframe_block import BLOCK, Block, mean_spectrum, simulate_block
from galspec_spark.simulate.survey import read_selection
from galspec_spark.spectrum.grid import GRID_ID
from galspec_spark.spectrum.restframe import coverage, fill_gaps
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import RESTFRAME
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Warehouse

SURVEY = "simulated"
#: Bytes of Parquet for one spectrum, about.
STORED_BYTES = 8500

COUNTS = ("spectra", "labelled", "agn", "train", "train_agn", "test", "test_agn")


@dataclass(frozen=True)
class Work:
    """What a task needs to know."""

    config: Config
    selection: npt.NDArray[np.float64] | None  #: redshifts and S/N to follow
    mean: npt.NDArray[np.float32]  #: fills the gaps
    staging: Location
    run_id: str
    provenance: dict[str, str]

    @property
    def release(self) -> str:
        """Return the name under which the rows are kept: another seed is another survey."""
        return f"seed{self.config.simulate.seed}"


def simulate_restframe(spark: SparkSession, run: Run, warehouse: Warehouse) -> dict[str, Any]:
    """Make the ``restframe`` table of a simulated survey; replace the one that is there.

    All spectra are galaxies that preprocess would use. Gaps are filled with the mean of the first
    block's training spectra, which does not depend on how many are drawn.

    Returns
    -------
    dict
        Counts: spectra, labelled, AGN, of each split; parts, megabytes, the grid.

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
    mean = mean_spectrum(simulate_block(0, config, selection))
    with warehouse.writing(run.id) as staging:
        work = Work(config, selection, mean, staging.folder, run.id, run.columns())
        blocks = -(-config.simulate.spectra // BLOCK)
        tasks = min(blocks, _tasks(config, spark.sparkContext.defaultParallelism))
        numbers = spark.range(0, blocks, 1, tasks)
        write = partial(_write_part, work=work)
        with spark_progress(spark, "simulate", config.simulate.spectra, "spectra"):
            schema = "staged string, place string, bytes long, counts array<long>"
            parts = numbers.mapInArrow(write, schema).collect()
        write_mean_spectrum(staging.folder / MEAN_SPECTRUM, mean)
        moves = [(Location(part.staged), part.place) for part in parts]
        recipe = recipe_of(config.preprocess.model_dump(mode="json"))
        write_json(staging.folder / STATE, {"recipe": recipe})
        moves += [(staging.folder / name, f"restframe/{name}") for name in (MEAN_SPECTRUM, STATE)]
        warehouse.commit(staging, moves, remove=warehouse.parts("restframe"))
    totals = np.sum([part.counts for part in parts], axis=0).tolist()
    return {
        **dict(zip(COUNTS, totals, strict=True)),
        "parts": len(parts),
        "megabytes": round(sum(part.bytes for part in parts) / 1e6, 1),
        "grid": GRID_ID,
    }


def _tasks(config: Config, cores: int) -> int:
    """Return how many parts of the configured size there are, a multiple of the cores."""
    size = config.simulate.spectra * STORED_BYTES
    parts = -(-size // (config.ingest.part_megabytes * 1_000_000))
    return cores * -(-parts // cores)


def _write_part(batches: Iterator[pa.RecordBatch], work: Work) -> Iterator[pa.RecordBatch]:
    """Simulate the blocks whose numbers arrive into one part. Runs in a Spark task."""
    blocks = [number for numbers in batches for number in numbers["id"].to_pylist()]
    part = f"{work.run_id}-{blocks[0]:06d}.parquet"
    place = f"restframe/survey={SURVEY}/release={work.release}/{part}"
    staged = work.staging / os.urandom(4).hex() / place
    counts = np.zeros(len(COUNTS), np.int64)
    with part_writer(staged, RESTFRAME) as writer:
        for number in blocks:
            block = simulate_block(number, work.config, work.selection)
            wanted = min(BLOCK, work.config.simulate.spectra - number * BLOCK)
            writer.write_table(restframe_table(block, work).slice(0, wanted))
            counts += _counts(block, wanted)
    columns = [[staged.path], [place], [staged.status().size], [counts.tolist()]]
    yield pa.RecordBatch.from_arrays(
        [pa.array(column) for column in columns], ["staged", "place", "bytes", "counts"]
    )


def restframe_table(block: Block, work: Work) -> pa.Table:
    """Return a block as rows of ``restframe``."""
    labelled = block.label >= 0
    values: dict[str, Any] = {
        "spectrum_id": _names(block.index, work.release),
        "object_id": _names(block.object, work.release),
        "ra": block.ra,
        "dec": block.dec,
        "z": block.z,
        "sn_median": block.sn_median.astype(np.float32),
        "class": pa.repeat("GALAXY", len(labelled)),
        "subclass": block.subclass.tolist(),
        "label": pa.array(block.label, mask=~labelled),
        "split": pa.array(np.where(block.is_test, "test", "train").tolist(), mask=~labelled),
        "fold": pa.array(block.fold, mask=block.fold < 0),
        "coverage": coverage(block.good),
        "reason": pa.nulls(len(labelled), pa.string()),
        "flux": _lists(fill_gaps(block.flux, block.good, work.mean)),
        "ivar": _lists(block.ivar),
        **{name: pa.repeat(value, len(labelled)) for name, value in work.provenance.items()},
    }
    columns = [pa.array(values[field.name], field.type) for field in RESTFRAME]
    return pa.Table.from_arrays(columns, schema=RESTFRAME)


def _counts(block: Block, wanted: int) -> npt.NDArray[np.int64]:
    """Count the first spectra of a block, in the order of COUNTS."""
    here = np.arange(BLOCK) < wanted
    labelled, agn = here & (block.label >= 0), here & (block.label == 1)
    train, test = here & (block.fold >= 0), here & block.is_test
    groups = [here, labelled, agn, train, train & agn, test, test & agn]
    return np.array([np.count_nonzero(group) for group in groups])


def _names(index: npt.NDArray[np.int64], release: str) -> pa.Array:
    """Return names such as simulated-seed1-000000017."""
    digits = pc.utf8_lpad(pa.array(index).cast(pa.string()), 9, "0")
    return pc.binary_join_element_wise(SURVEY, release, digits, "-")


def _lists(array: npt.NDArray[np.float32]) -> pa.ListArray:
    offsets = np.arange(0, array.size + 1, array.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, array.reshape(-1))
