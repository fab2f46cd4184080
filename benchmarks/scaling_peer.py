"""The work of `scaling_ours` in scikit-learn, with as little memory as a careful user needs.

A script, for a process of its own::

    python -m benchmarks.scaling_peer TABLE GIBIBYTES

It may not have more memory than it is told, so that it, and not the machine, stops where memory
does not suffice. Its last line is JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
from sklearn.decomposition import PCA
from sklearn.metrics import f1_score

from benchmarks.table1_peer import build

K, SEED, PROCESSES = 20, 1, 2
BATCH = 1000

Array = np.ndarray[Any, Any]
Half = tuple[Array, Array]  #: flux and label of a split


def main() -> None:
    """Run the script."""
    table, gibibytes = sys.argv[1], float(sys.argv[2])
    # What the process allocates, not what it maps: threads reserve addresses that they never use.
    limit = int(gibibytes * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    print(json.dumps(fit_all(table)))  # noqa: T201 - a script


def fit_all(table: str) -> dict[str, Any]:
    """Return the seconds of each stage and the weighted F1 of each classifier on the test split.

    Where memory does not suffice, ``stopped`` names the stage.
    """
    seconds: dict[str, float] = {}
    f1: dict[str, float] = {}
    try:
        with timed(seconds, "read"):
            flux, label = read(table, "train")
        with timed(seconds, "components"):
            pca = PCA(K, svd_solver="covariance_eigh", copy=False).fit(flux)
        with timed(seconds, "projection"):
            features = pca.transform(flux)
            del flux  # before the test split is read
            test_flux, test_label = read(table, "test")
            test = pca.transform(test_flux)
        for name in ("logistic_regression", "linear_svc", "random_forest"):
            with timed(seconds, name):
                model = classifier(name, len(label)).fit(features, label)
            f1[name] = float(f1_score(test_label, model.predict(test), average="weighted"))
    except MemoryError:
        return {"seconds": seconds, "f1": f1, "stopped": f"no memory for {list(seconds)[-1]}"}
    return {"seconds": seconds, "f1": f1}


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long a stage took, also where it did not end well."""
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = round(time.perf_counter() - started, 3)


def read(table: str, split: str) -> Half:
    """Read a split, batch by batch into its place: at no time is anything there twice."""
    dataset = ds.dataset(table, format="parquet", partitioning="hive")
    chosen = pc.field("split") == split
    label = np.empty(dataset.count_rows(filter=chosen), np.int32)
    flux: Array | None = None
    first = 0
    scanner = dataset.scanner(
        ["flux", "label"], filter=chosen, batch_size=BATCH, batch_readahead=2, fragment_readahead=1
    )
    for batch in scanner.to_batches():
        rows = slice(first, first + batch.num_rows)
        if batch.num_rows == 0:
            continue
        values = batch["flux"].flatten().to_numpy().reshape(batch.num_rows, -1)
        if flux is None:
            flux = np.empty((len(label), values.shape[1]), np.float32)
        flux[rows], label[rows] = values, batch["label"].to_numpy()
        first = rows.stop
    assert flux is not None, f"no rows of the split {split} in {table}"
    return flux, label


def classifier(name: str, rows: int) -> Any:
    """Return a classifier with Spark's default settings, a forest on all cores."""
    # Spark's SVM has no penalty by default; scikit-learn's cannot do without.
    point = {"regParam": 1 / rows} if name == "linear_svc" else {}
    model = build(name, point, rows, SEED)
    return model.set_params(n_jobs=PROCESSES) if name == "random_forest" else model


if __name__ == "__main__":
    main()
