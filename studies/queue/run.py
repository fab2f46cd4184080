"""Show how many labels the inspection queue saves against random choice: a table and a figure."""

import sys
from pathlib import Path

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_warehouse, local_path
from galspec_spark.warehouse.tables import Warehouse
from studies.queue.study import SEEDS, study_queue


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    parser.add_argument(
        "--output", type=local_path, default="queue", metavar="DIR", help="folder of the results"
    )
    return run_job(
        "queue",
        parser,
        lambda spark, run, args: study_queue(
            spark, run, Warehouse(args.warehouse), Path(args.output), SEEDS
        ),
        output="output",
    )


if __name__ == "__main__":
    sys.exit(main())
