"""Bring the tables of a warehouse that an older version made to the present format."""

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_warehouse, check_unlocked
from galspec_spark.upkeep.migrate import migrate


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    return run_job(
        "migrate",
        parser,
        lambda spark, run, args: migrate(spark, run, args.warehouse),
        output="warehouse",
        before=check_unlocked,
    )
