"""Take a data release from files to catalogue and report, as a scheduler does.

Steps: download (with --list), ingest, preprocess, measure, classify, drift, verify, queue, report.
A rerun resumes. run.json in the output folder has the state of each step. Exit codes: 0 done, 1
failed, 3 done with findings of drift or verify, 4 every file of the input is quarantined.

With --discover, each folder in PATH is a release of that name, and all of it. Those that the
warehouse lacks, or whose files changed or vanished, are done in the order of their names, dr2
before dr10, until one fails. OUTPUT/NAME has the results of each, discovery.json their states.
"""

import argparse
import secrets
from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark.errors import ConfigError
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
from galspec_spark.release.discovery import Discovery, discover_releases
from galspec_spark.release.stage import Release, release_lock, run_release
from galspec_spark.warehouse.lock import check_free
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

INPUT = ["survey"]  #: the default: an option that is given is another object


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument(
        "--input",
        nargs="+",
        default=INPUT,
        metavar="PATH",
        help="FITS files, or folders of them",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    add_setting(
        which, "--release", "ingest.release", metavar="NAME", help="the files' data release"
    )
    which.add_argument(
        "--discover",
        metavar="PATH",
        help="folder, or prefix on S3, of releases: do those that are new or changed",
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
    """Run one release or those discovered, and print the state of each step or release."""
    summary = _one(spark, run, args) if args.discover is None else _discovered(spark, run, args)
    states = summary["steps" if args.discover is None else "releases"]
    assert isinstance(states, dict)
    for name, state in states.items():
        print(f"{name:>24}  {state}")
    return summary


def _discovered(spark: SparkSession, run: Run, args: argparse.Namespace) -> Summary:
    if args.input is not INPUT or args.list is not None:
        raise ConfigError("--discover finds the inputs itself: leave out --input and --list")
    discovery = Discovery(
        folder=args.discover,
        warehouse=Warehouse(args.warehouse),
        model=Path(args.model),
        output=Path(args.output),
    )
    return discover_releases(spark, run, discovery)


def _one(spark: SparkSession, run: Run, args: argparse.Namespace) -> Summary:
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
    return run_release(spark, run, release)
