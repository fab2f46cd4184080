"""The names that ``import galspec_spark as gs`` offers."""

from __future__ import annotations

import inspect
import subprocess
import sys

import galspec_spark as gs
import galspec_spark.ingest
from galspec_spark.api import stages


def test_every_name_is_there() -> None:
    assert sorted(gs.__all__) == gs.__all__
    for name in gs.__all__:
        assert callable(getattr(gs, name))
    assert set(gs.__all__) <= set(dir(gs))


def test_a_room_is_called_as_its_stage() -> None:
    assert inspect.ismodule(galspec_spark.ingest)
    assert inspect.signature(gs.ingest) == inspect.signature(stages.ingest)


def test_an_import_brings_no_spark() -> None:
    code = "import sys, galspec_spark; print('pyspark' in sys.modules, 'numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
