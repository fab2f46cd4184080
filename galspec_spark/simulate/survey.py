"""A simulated survey, written by Spark: each task simulates a block and writes its files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyspark.sql import SparkSession

from galspec_spark.config import SimulateConfig
from galspec_spark.errors import UserError
from galspec_spark.harness.progress import spark_progress
from galspec_spark.simulate.batch import simulate_block
from galspec_spark.simulate.kinds import BLOCK
from galspec_spark.simulate.speclite import files
from galspec_spark.warehouse.frames import frame_of_tasks
from galspec_spark.warehouse.storage import Location

log = logging.getLogger(__name__)


def simulate(spark: SparkSession, config: SimulateConfig, output: Path) -> dict[str, object]:
    """Write a simulated survey as spec-lite files in the archive's folder layout.

    The same configuration writes the same bytes. Files that already have these bytes are left
    alone, so a survey can be enlarged.

    Parameters
    ----------
    config
        Size, seed and mixture.
    output
        Folder that gets ``simulated/sdss/spectro/redux/...``.

    Returns
    -------
    dict
        Counts: spectra, written, and spectra by class and subclass.

    Raises
    ------
    UserError
        If the table of redshifts and S/N cannot be used.
    """
    selection = None if config.like is None else read_selection(Path(config.like))
    blocks = -(-config.spectra // BLOCK)
    work = partial(_write_block, config=config, selection=selection, output=output.absolute())
    with spark_progress(spark, "simulate", config.spectra, "spectra"):
        columns = "kind string, spectra long, written long"
        rows = frame_of_tasks(spark, work, range(blocks), columns)
        totals = rows.groupBy("kind").sum("spectra", "written").orderBy("kind").collect()
    return {
        "spectra": sum(row[1] for row in totals),
        "written": sum(row[2] for row in totals),
        "spectra_by_class": {row[0]: row[1] for row in totals},
    }


def read_selection(path: Path) -> npt.NDArray[np.float64]:
    """Read the redshifts and S/N for a survey to imitate, shape (n, 2).

    Raises
    ------
    UserError
        If the file cannot be read, lacks the columns z and sn_median, or no row is usable.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from None
    missing = {"z", "sn_median"} - set(table.columns)
    if missing:
        raise UserError(f"{path} has no column {sorted(missing)[0]}: it needs z and sn_median")
    try:
        pairs = table[["z", "sn_median"]].to_numpy(dtype=np.float64)
    except ValueError as error:
        raise UserError(f"{path}: z and sn_median are not numbers: {error}") from None
    usable = (pairs[:, 0] > 0) & (pairs[:, 0] < 0.6) & (pairs[:, 1] > 1)
    if not usable.any():
        raise UserError(f"{path} has no row with 0 < z < 0.6 and sn_median > 1")
    return pairs[usable]


def _write_block(
    block: int,
    *,
    config: SimulateConfig,
    selection: npt.NDArray[np.float64] | None,
    output: Path,
) -> Iterator[pa.RecordBatch]:
    """Simulate a block, write its files and count them by class. Runs in a Spark task."""
    batch = simulate_block(block, config, selection, min(BLOCK, config.spectra - block * BLOCK))
    written = [_write(output / path, content) for path, content in files(batch)]
    kinds = np.char.strip(np.char.add(np.char.add(batch.cls, " "), batch.subclass))
    columns = [kinds.tolist(), [1] * len(batch), written]
    yield pa.RecordBatch.from_arrays(
        [pa.array(column) for column in columns], ["kind", "spectra", "written"]
    )


def _write(path: Path, content: bytes) -> int:
    """Write a file unless it already has this content; return the number of files written."""
    if path.exists() and path.read_bytes() == content:
        return 0
    Location.of(path).write(content)
    return 1
