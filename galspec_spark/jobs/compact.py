"""Merge the small Parquet files of a warehouse into large ones; nothing becomes outdated."""

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_warehouse, check_unlocked
from galspec_spark.upkeep.compact import compact
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    return run_job(
        "compact",
        parser,
        lambda spark, run, args: compact(spark, run, Warehouse(args.warehouse)),
        output="warehouse",
        before=check_unlocked,
    )
