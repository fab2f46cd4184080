"""Releases of a simulated survey as rest-frame spectra, undisturbed or shifted on purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galspec_spark.config import Config
from galspec_spark.harness.run import Run
from galspec_spark.preprocess.recipe import State
from galspec_spark.preprocess.renew import renew_sample, stage_sample
from galspec_spark.simulate.restframe import Work, restframe_table
from galspec_spark.simulate.restframe_block import BLOCK, Block, simulate_block
from galspec_spark.spectrum.grid import PIXELS, wavelength
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

FOLDS = 2
#: What makes preprocess leave a spectrum out, by the reason.
LEFT_OUT = {"zwarning": 4, "coverage": 0.5}


def config(seed: int = 1) -> Config:
    """Return the configuration of a release."""
    return Config.model_validate({"simulate": {"seed": seed}, "preprocess": {"folds": FOLDS}})


def draw(seed: int, rows: int, shift=None) -> pa.Table:
    """Return rows of ``restframe``, the same ones for the same seed.

    Parameters
    ----------
    shift
        A function of a block, such as those below.
    """
    columns = {"version": "test", "run_id": "test", "config_hash": "test"}
    work = Work(config(seed), None, Location("/nowhere"), "test", columns)
    blocks = [simulate_block(number, work.config) for number in range(-(-rows // BLOCK))]
    shifted = [shift(block) if shift else block for block in blocks]
    return pa.concat_tables(restframe_table(block, work) for block in shifted).slice(0, rows)


def write_release(root: Path, name: str, *tables: pa.Table) -> Path:
    """Write tables as the parts of a release of a warehouse; return the warehouse."""
    warehouse, run, state = (
        Warehouse(root),
        Run.start("test", config()),
        State.of(config().preprocess),
    )
    there = {warehouse.place_of(part): part for part in warehouse.parts("restframe")}
    with warehouse.writing(run.id) as staging:
        new = {}
        for number, rows in enumerate(tables):
            place = f"restframe/survey=simulated/release={name}/{name}-{number}.parquet"
            new[place] = staging.folder / place
            with part_writer(new[place], rows.schema) as writer:
                writer.write_table(rows, row_group_size=500)
        decided = renew_sample(run, warehouse, {**there, **new}, set(there), state)
        moves = [(part, place) for place, part in new.items()]
        moves += stage_sample(run, staging, decided.rows, state)
        warehouse.commit(staging, moves, remove=warehouse.parts("sample"))
    return root


def leave_out(rows: pa.Table, count: int, reason: str) -> pa.Table:
    """Return rows of which preprocess leaves out the first."""
    is_out = pa.array(np.arange(len(rows)) < count)
    field = rows.schema.field(reason)
    column = pc.if_else(is_out, pa.scalar(LEFT_OUT[reason], field.type), rows[reason])
    return rows.set_column(rows.schema.names.index(reason), field, column)


# --- Shifts ---


def redshifted(block: Block) -> Block:
    """Redshifts too large by 0.05, as of a deeper survey."""
    return replace(block, z=block.z + 0.05)


def noisier(block: Block) -> Block:
    """Half of the signal-to-noise ratio, as of shorter exposures."""
    noise = np.random.default_rng(1).normal(size=block.flux.shape)
    sigma = np.sqrt(np.where(block.good, 1 / np.maximum(block.ivar, 1e-9), 0))
    flux = block.flux + np.sqrt(3) * sigma * noise
    return replace(
        block,
        flux=flux.astype(np.float32),
        ivar=block.ivar / 4,
        sn_median=block.sn_median / 2,
    )


def miscalibrated(block: Block) -> Block:
    """A tilt of 15 % from end to end, as of a wrong standard star."""
    tilt = 1 + 0.15 * (wavelength() - 5250) / 3100
    return replace(block, flux=(block.flux * tilt).astype(np.float32))


def with_sky(block: Block) -> Block:
    """One spectrum in ten is of the empty sky: noise and residuals of sky lines."""
    random = np.random.default_rng(2)
    flux = block.flux.copy()
    rows = np.arange(0, len(flux), 10)
    flux[rows] = random.normal(1, 1.0, (len(rows), PIXELS))
    lines = random.choice(PIXELS, 60, replace=False)
    flux[np.ix_(rows, lines)] += random.normal(0, 8, (len(rows), 60))
    return replace(block, flux=flux)


SHIFTS = {
    "redshifted": redshifted,
    "noisier": noisier,
    "mis-calibrated": miscalibrated,
    "sky": with_sky,
}
