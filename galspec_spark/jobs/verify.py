"""Check a warehouse: files on disk, their accounts, and every row; exit 3 if anything is wrong."""

import argparse
from typing import Any

from pyspark.sql import SparkSession

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_warehouse, check_unlocked, value_of
from galspec_spark.harness.run import Run
from galspec_spark.verify.findings import as_text
from galspec_spark.verify.verify import verify
from galspec_spark.warehouse.tables import Warehouse


def sample_size(text: str) -> int | None:
    """Read the value of --sample: a number of files, or all."""
    if text == "all":
        return None
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number of files nor all")


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> dict[str, Any]:
    """Verify, and show the findings."""
    summary = verify(
        spark,
        run,
        Warehouse(args.warehouse),
        inputs=args.input,
        sample=args.sample,
        seed=args.seed,
    )
    print(as_text(summary["findings"]))
    return summary


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    parser.add_argument(
        "--input",
        nargs="+",
        default=[],
        metavar="PATH",
        help="FITS files, or folders of them: those never ingested are findings",
    )
    parser.add_argument(
        "--sample",
        type=sample_size,
        default="100",
        metavar="N",
        help="files to read again and compare with their rows, or all",
    )
    parser.add_argument(
        "--seed",
        type=value_of("--seed", "preprocess.seed"),
        default=1,
        help="seed of the sample",
    )
    return run_job("verify", parser, work, output="warehouse", before=check_unlocked)
