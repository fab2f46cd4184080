"""Take a data release from files to catalogue and report, as a scheduler does.

Steps: download (with --list), ingest, preprocess, measure, classify, drift, verify, queue, report.
A rerun resumes. run.json in the output folder has the state of each step. Exit codes: 0 done, 1
failed, 3 done with findings of drift or verify, 4 every file of the input is quarantined.
"""

import argparse
import secrets
from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import (
    add_labels,
    add_model,
    add_setting,
    add_warehouse,
    check_unlocked,
    local_path,
)
from galspec_spark.harness.run import Run, Summary
from galspec_spark.release.stage import Release, release_lock, run_release
from galspec_spark.warehouse.lock import check_free
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--input",
        nargs="+",
        default=["survey"],
        metavar="PATH",
        help="FITS files, or folders of them",
    )
    add_setting(
        parser,
        "--release",
        "ingest.release",
        required=True,
        metavar="NAME",
        help="the files' data release",
    )
    add_warehouse(parser)
    add_labels(parser)
    add_model(parser)
    parser.add_argument(
        "--output", type=local_path, default="release", metavar="DIR", help="folder of the results"
    )
    parser.add_argument(
        "--list",
        type=local_path,
        metavar="FILE",
        help="CSV file of spectra to download into the first --input; see galspec download",
    )
    parser.add_argument(
        "--base-url", default="https://data.sdss.org/sas", metavar="URL", help="root of the archive"
    )
    return run_job("release", parser, work, output="output", before=check_locks)


def check_locks(args: argparse.Namespace) -> None:
    """Fail if another release is at work on the warehouse, or another job is writing to it."""
    check_free(release_lock(Location.of(args.warehouse)), secrets.token_hex(8))
    check_unlocked(args)


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> Summary:
    """Run the release, and print the state of each step."""
    name = run.config.ingest.release
    assert name is not None, "the option is required"
    release = Release(
        name=name,
        inputs=args.input,
        warehouse=Warehouse(args.warehouse),
        model=Path(args.model),
        output=Path(args.output),
        wanted=None if args.list is None else Path(args.list),
        archive=args.base_url,
    )
    summary = run_release(spark, run, release)
    steps = summary["steps"]
    assert isinstance(steps, dict)
    for name, state in steps.items():
        print(f"{name:>24}  {state}")
    return summary
