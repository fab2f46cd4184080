"""Train and compare the classifiers on a warehouse: Table 1, a model, and a report."""

import argparse
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.options import add_warehouse, local_path
from galspec_spark.harness.run import Run
from galspec_spark.train.earlier import Comparison, comparison_text
from galspec_spark.train.promote import promote, promotion_text
from galspec_spark.train.stage import train
from galspec_spark.warehouse.tables import Warehouse


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    add_warehouse(parser)
    parser.add_argument(
        "--output", type=local_path, default="run", metavar="DIR", help="folder of the results"
    )
    parser.add_argument(
        "--compare",
        metavar="RUN",
        help="output folder of an earlier run, to compare the best models on the same test objects",
    )
    parser.add_argument(
        "--promote",
        type=local_path,
        metavar="DIR",
        help="model folder that releases are classified with: replace its model unless the new "
        "model is worse on the same test objects",
    )
    return run_job("train", parser, work, output="output")


def work(spark: SparkSession, run: Run, args: argparse.Namespace) -> dict[str, Any]:
    """Train; compare with an earlier run and promote the model where the options ask."""
    warehouse, output = Warehouse(args.warehouse), Path(args.output)
    summary = train(spark, run, warehouse, output, args.compare)
    comparison = summary.get("comparison")
    if isinstance(comparison, Comparison):
        print(comparison_text(comparison))
    if args.promote is not None:
        promotion = promote(spark, warehouse, output, Path(args.promote))
        print(promotion_text(promotion))
        summary["promotion"] = promotion
    return summary
