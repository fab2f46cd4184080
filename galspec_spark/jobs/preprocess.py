"""Move the spectra of a warehouse to the rest frame, and decide on labels, splits and folds."""

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_labels, add_warehouse, check_unlocked
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    add_labels(parser)
    return run_job(
        "preprocess",
        parser,
        lambda spark, run, args: preprocess(spark, run, Warehouse(args.warehouse)),
        output="warehouse",
        before=check_unlocked,
    )
