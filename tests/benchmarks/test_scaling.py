"""Both ways go all the way on a small table; memory that does not suffice is told, not a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import scaling_peer
from benchmarks.scaling import largest_size, measure_command, scale_table
from benchmarks.scaling_ours import fit_all
from benchmarks.simulated import write_labelled
from tests.ml.synthetic import restframe, write_warehouse
from tests.warehouses import labelled

NAMES = {"logistic_regression", "linear_svc", "random_forest"}
STAGES = {"components", "projection", *NAMES}


def result(way: str, spectra: int, seconds: float, peak: float, **more) -> dict:
    numbers = {"spectra": spectra, "seconds": seconds, "peak_gibibytes": peak}
    return {"work": "w", "way": way, **numbers, **more}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Path:
    return write_warehouse(tmp_path_factory.mktemp("scaling"), restframe(200))


@pytest.fixture(scope="module")
def table(warehouse) -> str:
    return write_labelled(labelled(warehouse), warehouse / "labelled")


def test_ours_fits_all(spark, warehouse):
    done = fit_all(spark, str(warehouse))
    assert set(done["seconds"]) == STAGES
    assert set(done["f1"]) == NAMES
    assert min(done["f1"].values()) > 0.8


def test_the_peer_fits_all(table):
    command = [sys.executable, "-m", scaling_peer.__name__, table, "4"]
    done = measure_command(200, "scikit-learn", command)
    assert set(done["stages"]) == {"read", *STAGES}
    assert min(done["f1"].values()) > 0.8
    assert 0.05 < done["peak_gibibytes"] < 1
    assert "stopped" not in done


def test_the_peer_says_where_memory_ends(table, monkeypatch):
    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr(scaling_peer, "read", no_memory)
    assert scaling_peer.fit_all(table)["stopped"] == "no memory for read"


def test_the_limit_of_memory_holds():
    code = (
        "import sys, numpy as np\n"
        "from benchmarks import scaling_peer\n"
        "scaling_peer.read = lambda *_: np.ones(2**30, np.int8)\n"
        "sys.argv = ['', 'table', '1']\n"
        "scaling_peer.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["stopped"] == "no memory for read"


def test_the_table_says_how_both_grow():
    results = [
        result("ours", 1000, 10, 2.0),
        result("peer", 1000, 5, 1.0),
        result("ours", 10000, 50, 2.0),
        result("peer", 10000, 60, 10.0),
        result("peer", 100000, 1, 20.0, stopped="no memory for read"),
    ]
    text = scale_table(results)
    assert "| 100000 | peer | 1 | 20 | no memory for read |" in text
    assert "- From 1000 to 10000 spectra, ours: 5 times the time, 1 times the memory." in text
    assert "peer: 12 times the time, 10 times the memory; " in text
    assert largest_size(results[1], results[3], 24) == pytest.approx(24000)
    assert scale_table([{"work": "another"}]) == ""
