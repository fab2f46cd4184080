"""Time our ways and the usual ways to do the same work, side by side in one run.

Comparisons, chosen by --only (all but scale, growth, lines and releases): decode, one core and the
given files; ingest, copies of them; lines, the given files with the templates of lines.templates;
stock, the given files with conf/stock.yaml; pca, features, search, settings and classify, simulated
spectra; table1, a simulated survey of the size that the paper had; scale, simulated spectra, as
many as --spectra says; growth, every stage with as many; releases, --releases daily releases of a
simulated survey. Files are read once before, quick ways run once before and then --repeat times.
Results: benchmark.jsonl and benchmark.md.
"""

import argparse
import json
import shlex
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.classifying import compare_classification
from benchmarks.components import compare_pca
from benchmarks.copies import make_copies
from benchmarks.decoding import compare_decoding
from benchmarks.features import compare_features
from benchmarks.growth import compare_growth, growth_table
from benchmarks.ingesting import compare_ingest, scale_curve
from benchmarks.lines import compare_lines
from benchmarks.measure import as_table
from benchmarks.releases import compare_releases, draw_releases, releases_table
from benchmarks.scaling import compare_scale, scale_table
from benchmarks.searching import FOLDS, compare_search, write_vectors
from benchmarks.settings import compare_settings
from benchmarks.simulated import simulate_rows, spectra_of, write_labelled
from benchmarks.stock import compare_stock
from benchmarks.table1 import compare_table1
from galspec_spark.config import load_config
from galspec_spark.harness.cli import job_parser, run_job
from galspec_spark.harness.run import Run
from galspec_spark.ingest.listing import list_files
from galspec_spark.measure.stage import load_templates
from galspec_spark.simulate.survey import simulate
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

PROJECT = Path(__file__).resolve().parent.parent
PAPER, STOCK = (PROJECT / "conf" / name for name in ("paper.yaml", "stock.yaml"))
#: Spectra for the comparisons of PCA and search.
ROWS = 20_000
#: Spectra to classify, and to learn features from.
RELEASE = 100_000


@dataclass
class Bench:
    """What the comparisons get; what several need is made once."""

    spark: SparkSession
    run: Run
    args: argparse.Namespace
    scratch: Path

    @cached_property
    def files(self) -> list[str]:
        """The given spec files, in the page cache."""
        files: list[str] = list_files([self.args.input]).files["path"].to_pylist()
        for file in files:
            Path(file).read_bytes()
        return files

    @cached_property
    def rows(self) -> Warehouse:
        """A table restframe of `ROWS` spectra."""
        return simulate_rows(self.spark, self.run, self.scratch / "rows", ROWS, FOLDS)

    @cached_property
    def vectors(self) -> Path:
        """Coefficients of the training split, as Parquet."""
        labelled = write_labelled(spectra_of(self.spark, self.rows), self.scratch / "labelled")
        write_vectors(labelled, self.scratch / "vectors")
        return self.scratch / "vectors"


def decode(bench: Bench) -> list[dict[str, Any]]:
    """Compare ways to decode a file."""
    return compare_decoding(bench.files, bench.args.repeat)


def ingest(bench: Bench) -> list[dict[str, Any]]:
    """Compare ways to bring files into Parquet, and our way at several sizes."""
    args, context = bench.args, (bench.spark, bench.run)
    copies = make_copies(bench.files, max(args.files, *args.scale), bench.scratch / "copies")
    results = compare_ingest(*context, copies[: args.files], bench.scratch, args.repeat)
    return results + scale_curve(*context, copies, args.scale, bench.scratch, args.repeat)


def lines(bench: Bench) -> list[dict[str, Any]]:
    """Compare ways to measure emission lines."""
    templates = load_templates(bench.run.config.lines)
    return compare_lines(bench.files, templates, bench.args.repeat)


def pca(bench: Bench) -> list[dict[str, Any]]:
    """Compare ways to find components."""
    return compare_pca(bench.spark, bench.rows, bench.args.repeat)


def features(bench: Bench) -> list[dict[str, Any]]:
    """Compare kinds of features."""
    rows = simulate_rows(bench.spark, bench.run, bench.scratch / "many", RELEASE, FOLDS)
    return compare_features(bench.spark, rows, FOLDS, bench.scratch / "features", bench.args.repeat)


def search(bench: Bench) -> list[dict[str, Any]]:
    """Compare ways to search for hyper-parameters."""
    return compare_search(bench.spark, bench.vectors)


def settings(bench: Bench) -> list[dict[str, Any]]:
    """Compare settings of the solvers."""
    return compare_settings(bench.spark, bench.vectors, bench.args.repeat)


def table1(bench: Bench) -> list[dict[str, Any]]:
    """Compare whole ways to the paper's Table 1."""
    survey = bench.scratch / "survey"
    simulate(bench.spark, load_config(PAPER).simulate, survey)
    return compare_table1(PROJECT / "jobs", PAPER, survey, bench.scratch)


def stock(bench: Bench) -> list[dict[str, Any]]:
    """Compare our whole experiment with the same by Spark's own means."""
    return compare_stock(
        bench.spark, load_config(STOCK), bench.args.input, bench.scratch / "experiment"
    )


def classify(bench: Bench) -> list[dict[str, Any]]:
    """Compare ways to classify."""
    release = simulate_rows(bench.spark, bench.run, bench.scratch / "release", RELEASE, FOLDS)
    context = (bench.spark, bench.run)
    return compare_classification(
        *context, bench.rows, release, bench.scratch / "classify", bench.args.repeat
    )


def scale(bench: Bench) -> list[dict[str, Any]]:
    """Compare how time and memory grow with the number of spectra."""
    return compare_scale(bench.spark, bench.run, bench.args.spectra, bench.scratch)


def growth(bench: Bench) -> list[dict[str, Any]]:
    """Measure how each stage of a survey grows with the number of spectra."""
    sizes = bench.args.spectra
    return compare_growth(bench.spark, bench.run, bench.files, sizes, bench.scratch)


def releases(bench: Bench) -> list[dict[str, Any]]:
    """Measure how CPU time and memory of daily releases grow with those before."""
    args = bench.args
    options = [word for each in args.overrides for word in ("--set", each)]
    options += ["--config", args.config] if args.config else []
    found = compare_releases(bench.spark, bench.run, options, args.releases, bench.scratch)
    (Location.of(args.output) / "releases.png").write(draw_releases(found))
    return found


COMPARISONS = {
    f.__name__: f
    for f in (
        decode,
        ingest,
        lines,
        pca,
        table1,
        features,
        search,
        settings,
        stock,
        classify,
        scale,
        growth,
        releases,
    )
}


#: They take too long, or need templates.
NOT_BY_DEFAULT = ("scale", "growth", "lines", "releases")


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument("--input", default="survey", metavar="DIR", help="folder of spec files")
    parser.add_argument("--output", default="bench", metavar="DIR", help="folder of the results")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=COMPARISONS,
        default=[name for name in COMPARISONS if name not in NOT_BY_DEFAULT],
        help="comparisons to make",
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of each quick way")
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
    parser.add_argument(
        "--spectra",
        type=int,
        nargs="+",
        default=[20_000, 50_000, 100_000],
        metavar="N",
        help="simulated spectra for scale and growth, 10 kB each",
    )
    parser.add_argument(
        "--releases", type=int, default=200, metavar="N", help="daily releases to measure"
    )
    return run_job("benchmark", parser, benchmark, output="output")


def benchmark(spark: SparkSession, run: Run, args: argparse.Namespace) -> dict[str, Any]:
    """Make the chosen comparisons and write their results, after each one."""
    output = Location.of(args.output)
    output.make_folder()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=output.path) as scratch:
        bench = Bench(spark, run, args, Path(scratch))
        for name in args.only:
            results += COMPARISONS[name](bench)
            write_results(output, run, results)
    print(_as_text(results))
    return {"comparisons": results}


def write_results(output: Location, run: Run, results: list[dict[str, Any]]) -> None:
    """Write all results so far, each with the command that gave it."""
    constants = {**run.columns(), "command": shlex.join(sys.argv)}
    lines = [json.dumps({**constants, **result}) for result in results]
    (output / "benchmark.jsonl").write("\n".join(lines).encode() + b"\n")
    (output / "benchmark.md").write(_as_text(results).encode())


def _as_text(results: list[dict[str, Any]]) -> str:
    timed = [result for result in results if not {"release", "stage"} & set(result)]
    tables = [as_table(timed) if timed else "", scale_table(timed)]
    tables += [growth_table(results), releases_table(results)]
    return "\n".join(filter(None, tables))


if __name__ == "__main__":
    sys.exit(main())
