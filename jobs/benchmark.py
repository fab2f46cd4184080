"""Time our ways and the usual ways to do the same work, side by side in one run.

Each comparison is on the same files, warm (all were read just before), the median of several runs,
and checks that both ways give the same numbers. Results: benchmark.jsonl and benchmark.md.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from galspec_spark.benchmark.components import compare_pca
from galspec_spark.benchmark.copies import make_copies
from galspec_spark.benchmark.decoding import compare_decoding
from galspec_spark.benchmark.ingesting import compare_ingest, scale_curve
from galspec_spark.benchmark.measure import as_table
from galspec_spark.cli import job_parser, run_job
from galspec_spark.listing import list_files
from galspec_spark.provenance import Run
from galspec_spark.storage import Location


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument("--input", default="survey", metavar="DIR", help="folder of spec files")
    parser.add_argument("--output", default="bench", metavar="DIR", help="folder of the results")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way")
    parser.add_argument(
        "--files", type=int, default=10000, help="copies to compare ways of ingest on"
    )
    parser.add_argument(
        "--scale",
        type=int,
        nargs="+",
        default=[1000, 10000, 50000],
        metavar="N",
        help="copies to measure ingest on, 0.2 MB each",
    )
    return run_job("benchmark", parser, benchmark, output="output")


def benchmark(spark: SparkSession, run: Run, args: Any) -> dict[str, Any]:
    """Run all comparisons and write their results."""
    files = list_files([args.input])["path"].to_pylist()
    for file in files:  # warm the cache
        Path(file).read_bytes()
    output = Location.of(args.output)
    output.make_folder()
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=output.path) as scratch:
        folder = Path(scratch)
        results = compare_decoding(files, args.repeat)
        results += compare_pca(spark, run, files, folder, args.repeat)
        copies = make_copies(files, max(args.files, *args.scale), folder / "copies")
        results += compare_ingest(spark, run, copies[: args.files], folder, args.repeat)
        results += scale_curve(spark, run, copies, args.scale, folder, args.repeat)
    lines = [json.dumps({**result, **run.columns()}) for result in results]
    (output / "benchmark.jsonl").write("\n".join(lines).encode() + b"\n")
    table = as_table(results)
    (output / "benchmark.md").write(table.encode())
    print(table)
    return {"files": len(files), "comparisons": results}


if __name__ == "__main__":
    sys.exit(main())
