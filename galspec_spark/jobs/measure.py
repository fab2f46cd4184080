"""Measure the emission lines of a warehouse's spectra as SDSS's pipeline does."""

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_warehouse, check_unlocked
from galspec_spark.measure.stage import measure_lines
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    return run_job(
        "measure",
        parser,
        lambda spark, run, args: measure_lines(spark, run, Warehouse(args.warehouse)),
        output="warehouse",
        before=check_unlocked,
    )
