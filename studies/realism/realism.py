"""Real beside simulated spectra: both through ingest and the same selection, then compared."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
from matplotlib.figure import Figure
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.report.style import style
from galspec_spark.simulate.survey import simulate
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.storage import write_json
from galspec_spark.warehouse.tables import Warehouse
from studies.realism import figures
from studies.realism.page import BPT_LINES, Sample, compare, make_sample

#: Spectra of each set that are compared at most: some 100 MB on the driver.
MOST = 2600
#: Fewer galaxies than this cannot be compared.
LEAST = 50
#: Spectra simulated for each real one, where none are given.
TIMES = 4


def realism(spark: SparkSession, run: Run, options: argparse.Namespace) -> dict[str, Any]:
    """Compare two sets and write ``realism.json`` and the figures.

    Parameters
    ----------
    options
        real, simulated (or None), output: names of folders.

    Raises
    ------
    UserError
        If a set has too few galaxies to compare.
    """
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=output) as scratch:
        real = _load(spark, run, Path(options.real), Path(scratch, "real"))
        survey = Path(options.simulated or Path(scratch, "survey"))
        if not options.simulated:
            _simulate_like(spark, run, real, survey)
        simulated = _load(spark, run, survey, Path(scratch, "simulated"))
    samples = [_sample("real", real, run), _sample("simulated", simulated, run)]
    numbers = compare(*samples)
    write_json(output / "realism.json", numbers)
    with style():
        _save(figures.spectra(*samples), output / "spectra.png")
        _save(figures.variance(numbers), output / "variance.png")
        _save(figures.bpt(*samples), output / "bpt.png")
        _save(figures.lines(*samples), output / "lines.png")
    return {
        "real": numbers["spectra"]["real"],
        "simulated": numbers["spectra"]["simulated"],
        "max_difference": numbers["cumulative_variance"]["trimmed"]["max_difference"],
        "max_difference_all": numbers["cumulative_variance"]["all"]["max_difference"],
        "within_tolerance": numbers["cumulative_variance"]["trimmed"]["within_tolerance"],
        "bpt_p_value": numbers["bpt"]["p_value"],
    }


def _load(spark: SparkSession, run: Run, folder: Path, warehouse: Path) -> pa.Table:
    """Return galaxies of a warehouse, or of files that are first brought into one of our own."""
    found = Warehouse(folder if (folder / "spectra").is_dir() else warehouse)
    if not found.parts("spectra"):
        ingest(spark, run, [str(folder)], found, run.config.ingest.release)
    if not found.parts("sample"):
        preprocess(spark, run, found)
    used = read_table(spark, found, "sample").where("reason is null").select("spectrum_id", "file")
    measures = [f"{line}_{m}" for line in BPT_LINES for m in ("area", "area_err", "sigma", "ew")]
    columns = ["z", "sn_median", "subclass", "loglam0", "flux", "ivar", "and_mask", *measures]
    chosen = read_table(spark, found, "spectra").join(used, ["spectrum_id", "file"])
    return chosen.orderBy(F.xxhash64("spectrum_id")).limit(MOST).select(columns).toArrow()


def _simulate_like(spark: SparkSession, run: Run, real: pa.Table, survey: Path) -> None:
    """Simulate single visits to galaxies with the real ones' redshifts and S/N."""
    survey.mkdir()
    selection = survey / "selection.csv"
    pyarrow.csv.write_csv(real.select(["z", "sn_median"]), selection)
    only_galaxies = {"repeats": 0.0, "stars": 0.0, "quasars": 0.0, "sky_fibres": 0.0}
    count = min(TIMES * real.num_rows, MOST)
    update = {"like": str(selection), "spectra": count, **only_galaxies}
    simulate(spark, run.config.simulate.model_copy(update=update), survey)


def _sample(name: str, table: pa.Table, run: Run) -> Sample:
    sample = make_sample(table, run.config.preprocess)
    if len(sample.z) < LEAST:
        raise UserError(
            f"the {name} set has {len(sample.z)} usable galaxies: {LEAST} are the least"
        )
    return sample


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path)
