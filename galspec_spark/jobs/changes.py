"""Find objects whose lines or class changed between two observations."""

from pathlib import Path

from galspec_spark.changes.stage import find_changes
from galspec_spark.harness.cli import job_parser, run_without_spark
from galspec_spark.harness.options import add_warehouse, local_path
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    parser.add_argument(
        "--output", type=local_path, default="changes", metavar="DIR", help="folder of the results"
    )
    return run_without_spark(
        "changes",
        parser,
        lambda run, args: find_changes(run, Warehouse(args.warehouse), Path(args.output)),
        output="output",
    )
