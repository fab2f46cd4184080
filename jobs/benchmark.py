"""Time our ways and the usual ways to do the same work, side by side in one run.

Each comparison is on the same files, warm (all were read just before), the median of several runs,
and checks that both ways give the same numbers. Results: benchmark.jsonl and benchmark.md.
"""

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from pyspark.ml.feature import PCA as StockPCA
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from sklearn.decomposition import PCA as ExactPCA

from galspec_spark.cli import job_parser, run_job
from galspec_spark.ingest import ingest
from galspec_spark.listing import list_files
from galspec_spark.ml.pca import PCA, components_of
from galspec_spark.preprocess import preprocess
from galspec_spark.provenance import Run
from galspec_spark.readers import read_spectra
from galspec_spark.readers.source import Source
from galspec_spark.storage import Location
from galspec_spark.tables import Warehouse

COLUMNS = ("flux", "ivar", "and_mask", "or_mask")
PEER_PROCESSES = 2


def main() -> int:
    """Run the job; return its exit code."""
    parser = job_parser(__doc__)
    parser.add_argument("--input", default="survey", metavar="DIR", help="folder of spec files")
    parser.add_argument("--output", default="bench", metavar="DIR", help="folder of the results")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each way")
    return run_job("benchmark", parser, benchmark, output="output")


def benchmark(spark: SparkSession, run: Run, args: Any) -> dict[str, Any]:
    """Run all comparisons and write their results."""
    files = list_files([args.input])["path"].to_pylist()
    for file in files:  # warm the cache
        Path(file).read_bytes()
    results = []
    with tempfile.TemporaryDirectory(prefix="galspec-bench-") as scratch:
        for comparison in (compare_decoding, compare_ingest, compare_pca):
            results += comparison(spark, run, files, Path(scratch), args.repeat)
    lines = [json.dumps({**result, **run.columns()}) for result in results]
    output = Location.of(args.output)
    (output / "benchmark.jsonl").write("\n".join(lines).encode() + b"\n")
    table = as_table(results)
    (output / "benchmark.md").write(table.encode())
    print(table)
    return {"files": len(files), "comparisons": results}


def as_table(results: list[dict[str, Any]]) -> str:
    """Return the results as Markdown; the ratio is to our way of the same work."""
    rows = ["| work | way | seconds | min to max | ratio to ours |", "|---|---|---|---|---|"]
    ours: dict[str, float] = {
        r["work"]: r["seconds"] for r in results if r["way"].startswith("ours")
    }
    for r in results:
        ratio = r["seconds"] / ours[r["work"]]
        span = f"{min(r['runs']):.3g} to {max(r['runs']):.3g}"
        rows.append(f"| {r['work']} | {r['way']} | {r['seconds']:.3g} | {span} | {ratio:.1f} |")
    return "\n".join(rows) + "\n"


def measure(work: str, way: str, repeat: int, action: Callable[[], Any]) -> dict[str, Any]:
    """Return the median time of an action over several runs, after one that does not count."""
    action()
    runs = []
    for _ in range(repeat):
        started = time.perf_counter()
        action()
        runs.append(round(time.perf_counter() - started, 4))
    return {"work": work, "way": way, "seconds": statistics.median(runs), "runs": runs}


# --- decoding one file after another, on one core ---


def compare_decoding(
    spark: SparkSession, run: Run, files: list[str], scratch: Path, repeat: int
) -> list[dict[str, Any]]:
    """Read files from the cache and decode the same columns, on one core."""
    sample = files[:: max(1, len(files) // 300)]
    for file in sample[:20]:
        expected, found = decode_astropy(file), decode_ours(file)
        assert all(np.array_equal(expected[name], found[name]) for name in COLUMNS), file
    ways = {"ours": decode_ours, "fitsio": decode_fitsio, "astropy": decode_astropy}
    work = f"decode {len(sample)} spec files, one core"
    return [
        measure(work, way, repeat, lambda decode=decode: [decode(file) for file in sample])
        for way, decode in ways.items()
    ]


def decode_ours(path: str) -> dict[str, Any]:
    """Decode a spec file with our reader."""
    return read_spectra(Source(path, Path(path).read_bytes()))[1][0]


def decode_astropy(path: str) -> dict[str, Any]:
    """Decode a spec file as astropy's documentation shows."""
    with fits.open(path) as hdus:
        coadd, specobj, lines = hdus[1].data, hdus[2].data[0], hdus[3].data
        row = {name: native(coadd[name]) for name in COLUMNS}
        row["loglam0"] = float(coadd["loglam"][0])
        row |= {name: specobj[name] for name in ("PLATE", "MJD", "FIBERID", "CLASS", "SUBCLASS")}
        row |= {name: specobj[name] for name in ("Z", "ZWARNING", "PLUG_RA", "PLUG_DEC")}
        row |= dict(zip(lines["LINENAME"], lines["LINEAREA"], strict=True))
    return row


def native(column: np.ndarray) -> np.ndarray:
    """Return a copy in this machine's byte order, which Arrow needs; FITS is big-endian."""
    return column.astype(column.dtype.newbyteorder("="))


def decode_fitsio(path: str) -> dict[str, Any]:
    """Decode a spec file with fitsio, which wraps the C library cfitsio."""
    with fitsio.FITS(path) as hdus:
        coadd, specobj, lines = hdus[1].read(), hdus[2].read()[0], hdus[3].read()
    names = {name.lower(): name for name in coadd.dtype.names}
    row = {name: native(coadd[names[name]]) for name in COLUMNS}
    row["loglam0"] = float(coadd[names["loglam"]][0])
    row |= {name: specobj[name] for name in ("PLATE", "MJD", "FIBERID", "CLASS", "SUBCLASS")}
    row |= {name: specobj[name] for name in ("Z", "ZWARNING", "PLUG_RA", "PLUG_DEC")}
    row |= dict(zip(lines["LINENAME"], lines["LINEAREA"], strict=True))
    return row


# --- from files to Parquet ---


def compare_ingest(
    spark: SparkSession, run: Run, files: list[str], scratch: Path, repeat: int
) -> list[dict[str, Any]]:
    """Bring all files into Parquet, on two cores, with the Spark session started."""
    work = f"ingest {len(files)} spec files into Parquet"
    release = run.config.ingest.release

    def ours() -> None:
        with fresh(scratch / "ours") as folder:
            ingest(spark, run, files, Warehouse(folder), release)

    shares = [files[i::PEER_PROCESSES] for i in range(PEER_PROCESSES)]
    # Started before the clock and apart from Spark, whose connection a fork would share.
    with ProcessPoolExecutor(PEER_PROCESSES, get_context("spawn")) as pool:

        def peer() -> None:
            with fresh(scratch / "peer") as folder:
                folder.mkdir()
                outputs = [folder / f"{i}.parquet" for i in range(PEER_PROCESSES)]
                list(pool.map(write_with_astropy, shares, outputs))

        return [
            measure(work, "ours, Spark", repeat, ours),
            measure(work, f"astropy, {PEER_PROCESSES} processes, pyarrow", 1, peer),
        ]


def write_with_astropy(files: list[str], output: Path) -> None:
    """Decode files with astropy and write one Parquet file, as a careful script does."""
    rows = [decode_astropy(file) for file in files]
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows]) for name in COLUMNS}
    columns |= {name: [row[name] for row in rows] for name in ("PLATE", "MJD", "FIBERID")}
    columns |= {name: [row[name] for row in rows] for name in ("CLASS", "SUBCLASS")}
    columns |= {name: [float(row[name]) for row in rows] for name in ("Z", "PLUG_RA", "PLUG_DEC")}
    pq.write_table(pa.table(columns), output, compression="zstd")


@contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """Offer the path of a folder that is not there, and delete it afterwards."""
    yield folder
    shutil.rmtree(folder)


# --- principal components ---


def compare_pca(
    spark: SparkSession, run: Run, files: list[str], scratch: Path, repeat: int
) -> list[dict[str, Any]]:
    """Fit 20 components to the rest-frame spectra, from Parquet, with the session started."""
    warehouse = Warehouse(scratch / "pca")
    ingest(spark, run, files, warehouse, run.config.ingest.release)
    preprocess(spark, run, warehouse)
    rows = warehouse.read(spark, "restframe").where("reason is null").select("flux")
    vectors = rows.select(array_to_vector("flux").alias("vector"))
    k = run.config.train.components

    def ours() -> Any:
        return components_of(PCA(k=k, inputCol="flux", outputCol="pc").fit(rows))

    def mllib() -> Any:
        return StockPCA(k=k, inputCol="vector", outputCol="pc").fit(vectors).pc.toArray().T

    def exact() -> Any:
        columns = [
            pq.read_table(part, columns=["flux"])["flux"] for part in warehouse.parts("restframe")
        ]
        flux = pa.chunked_array(
            [chunk for column in columns for chunk in column.chunks]
        ).drop_null()
        matrix = flux.combine_chunks().flatten().to_numpy().reshape(len(flux), -1)
        return ExactPCA(k, svd_solver="covariance_eigh").fit(matrix).components_

    reference = exact()
    assert (np.abs((ours() * reference).sum(axis=1)) > 0.9999).all()
    work = f"PCA({k}) of {rows.count()} spectra"
    return [
        measure(work, "ours, Spark", repeat, ours),
        measure(work, "scikit-learn, exact", repeat, exact),
        measure(work, "MLlib", 1, mllib),
    ]


if __name__ == "__main__":
    sys.exit(main())
