"""Go from a survey's FITS files, or a simulated survey, all the way to the report.

Does what simulate (without --input), ingest, preprocess, measure (where features are made of lines)
and train do, in one start of Spark.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import (
    add_labels,
    add_setting,
    add_warehouse,
    check_unlocked,
    local_path,
)
from galspec_spark.harness.run import Run, Summary, run_stage
from galspec_spark.harness.text import stage_lines
from galspec_spark.ingest.stage import ingest
from galspec_spark.measure.stage import measure_lines
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.simulate.survey import simulate
from galspec_spark.train.stage import train
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> Summary:
    """Run each job, which leaves its own summary."""
    config, warehouse, output = run.config, Warehouse(args.warehouse), Path(args.output)
    release = config.ingest.release
    seconds = {}

    def stage(job: str, folder: Path | Location, do: Callable[[Run], Summary]) -> None:
        with run.trail.step(job) as outcome:
            summary = run_stage(run, job, folder, do)
            outcome.take(summary)
            run.trail.learn_names(summary)
        print(*stage_lines(summary), sep="\n", flush=True)
        seconds[job] = summary["seconds"]

    if args.input is None:
        survey = Path(args.survey)
        stage("simulate", survey, lambda own: simulate(spark, config.simulate, survey))
    inputs = [args.survey] if args.input is None else args.input
    stage("ingest", warehouse.root, lambda own: ingest(spark, own, inputs, warehouse, release))
    stage("preprocess", warehouse.root, lambda own: preprocess(spark, own, warehouse))
    if any(kind.line_columns for kind in config.train.kinds):
        stage("measure", warehouse.root, lambda own: measure_lines(spark, own, warehouse))
    stage("train", output, lambda own: train(spark, own, warehouse, output, None))
    return {"job_seconds": seconds}


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--input",
        nargs="+",
        metavar="PATH",
        help="FITS files, or folders of them; without it, a survey is simulated",
    )
    parser.add_argument(
        "--survey",
        type=local_path,
        default="survey",
        metavar="DIR",
        help="folder of the simulated survey",
    )
    add_setting(
        parser,
        "--release",
        "ingest.release",
        metavar="NAME",
        help="the files' data release; without it, what their archive's path names",
    )
    add_warehouse(parser)
    add_labels(parser)
    parser.add_argument(
        "--output", type=local_path, default="run", metavar="DIR", help="folder of the results"
    )
    return run_job("run", parser, work, output="output", before=check_unlocked)
