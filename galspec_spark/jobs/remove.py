"""Remove a release from a warehouse: its files, spectra and catalogues."""

from galspec_spark.harness.cli import job_parser, run_without_spark
from galspec_spark.harness.options import add_release, add_warehouse
from galspec_spark.upkeep.remove import remove
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    add_release(parser, "the data release to remove", required=True)
    return run_without_spark(
        "remove",
        parser,
        lambda run, args: remove(run, Warehouse(args.warehouse), args.release),
        output="warehouse",
    )
