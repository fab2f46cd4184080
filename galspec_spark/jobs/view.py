"""Write a page to look at the spectra of a catalogue, any filter of it: spectra.html.

More spectra than the page holds are chosen: AGN, abstained, other label, outliers, and of the rest.
"""

import argparse
from pathlib import Path

from pyspark.sql import SparkSession

from galspec_spark.catalog.read import read_catalog
from galspec_spark.export.filtering import keep_rows, naming_filter
from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import (
    add_model,
    add_release,
    add_setting,
    add_warehouse,
    local_path,
)
from galspec_spark.harness.run import Run, Summary
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.viewer.stage import view_catalog
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    add_model(parser)
    add_release(parser, "spectra of this data release only")
    parser.add_argument(
        "--filter",
        metavar="EXPRESSION",
        help="spectra of these rows only, for example \"class = 'AGN' AND z > 0.2\"",
    )
    add_setting(
        parser, "--spectra", "viewer.spectra", metavar="N", help="most spectra that the page has"
    )
    parser.add_argument(
        "--output", type=local_path, default="view", metavar="DIR", help="folder of the page"
    )
    return run_job("view", parser, work, output="output")


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> Summary:
    """Write the page of the rows that the options name."""
    warehouse, output = Warehouse(args.warehouse), Path(args.output)
    bundle = load_bundle(Path(args.model))
    if args.filter is None:
        return view_catalog(spark, run, warehouse, bundle, args.release, output)
    catalog = read_catalog(spark, warehouse, bundle.id, args.release)
    rows = keep_rows(catalog, args.filter)
    with naming_filter(args.filter, catalog.columns):
        return view_catalog(spark, run, warehouse, bundle, args.release, output, rows, args.filter)
