"""Classify a release with a trained model: class, probability and flags of every spectrum.

With --export the catalogue is also written for other tools: TOPCAT, LSDB, anything that reads CSV;
with --queue a table of the spectra whose label would teach the model most.
"""

import argparse
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from galspec_spark.catalog.read import read_catalog
from galspec_spark.catalog.stage import classify
from galspec_spark.export.export import NAMES, export
from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import (
    add_model,
    add_release,
    add_warehouse,
    check_unlocked,
    local_path,
    value_of,
)
from galspec_spark.harness.run import Run
from galspec_spark.ml.model.bundle import load_bundle
from galspec_spark.queue.stage import write_queue
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    add_model(parser)
    add_release(parser, "classify this data release only")
    parser.add_argument(
        "--export",
        nargs="+",
        choices=NAMES,
        default=[],
        help="formats in which to write the catalogue of this model and release",
    )
    parser.add_argument(
        "--filter",
        metavar="EXPRESSION",
        help="export only these rows, for example \"class = 'AGN' AND probability > 0.9\"",
    )
    parser.add_argument(
        "--with-training",
        action="store_true",
        help="export also the objects that the model learned from",
    )
    parser.add_argument(
        "--output",
        type=local_path,
        default="export",
        metavar="DIR",
        help="folder of the exported files and of the queue",
    )
    parser.add_argument(
        "--queue",
        type=value_of("--queue", "queue.spectra"),
        metavar="N",
        help="write queue.csv: the N spectra whose label would teach the model most",
    )
    return run_job("classify", parser, work, output="warehouse", before=check_unlocked)


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> dict[str, Any]:
    """Classify, export in the formats of --export, and write the queue of --queue."""
    warehouse, output = Warehouse(args.warehouse), Path(args.output)
    summary = classify(spark, run, warehouse, Path(args.model), args.release)
    if args.queue:
        bundle = load_bundle(Path(args.model))
        queue = write_queue(run, warehouse, bundle, args.release, args.queue, output)
        summary = {**summary, **queue}
    if not args.export:
        return summary
    catalog = read_catalog(spark, warehouse, summary["model"], args.release)
    provenance = {**run.columns(), "model": summary["model"]}
    exported = export(
        spark,
        catalog,
        args.export,
        args.filter,
        output,
        provenance,
        with_training=args.with_training,
    )
    for name in args.export:
        print(f"{'exported':>24}  {output / NAMES[name]}")
    left_out = exported["training_rows_left_out"]
    if left_out:
        print(f"{'left out':>24}  {left_out} rows of the training set (--with-training)")
    return {**summary, "export": exported}
