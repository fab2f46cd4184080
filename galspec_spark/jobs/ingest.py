"""Read a survey's FITS files into the tables spectra and files of a warehouse."""

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_setting, add_warehouse, check_unlocked
from galspec_spark.ingest.stage import ingest
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
    add_warehouse(parser)
    add_setting(
        parser,
        "--release",
        "ingest.release",
        metavar="NAME",
        help="the files' data release; without it, what their archive's path names",
    )
    return run_job(
        "ingest",
        parser,
        lambda spark, run, args: ingest(
            spark,
            run,
            args.input,
            Warehouse(args.warehouse),
            run.config.ingest.release,
        ),
        output="warehouse",
        before=check_unlocked,
    )
