from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from galspec_spark.config import SimulateConfig
from galspec_spark.errors import UserError
from galspec_spark.simulate.batch import Batch
from galspec_spark.simulate.kinds import BLOCK
from galspec_spark.simulate.speclite import files
from galspec_spark.simulate.survey import read_selection, simulate
from tests.simulate.conftest import SEED


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_spark_writes_what_the_kernels_make_and_only_what_is_new(
    spark: SparkSession, survey: list[Batch], tmp_path: Path
) -> None:
    fewer, more = (SimulateConfig(spectra=BLOCK + n, seed=SEED) for n in (-10, 6))
    assert simulate(spark, fewer, tmp_path)["written"] == BLOCK - 10
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.fits")}
    assert simulate(spark, fewer, tmp_path)["written"] == 0
    summary = simulate(spark, more, tmp_path)
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert contents(tmp_path) == dict(files(survey[0])) | dict([*files(survey[1])][:6])
    assert summary["spectra"] == BLOCK + 6
    assert summary["written"] == 16
    assert sum(summary["spectra_by_class"].values()) == BLOCK + 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("", "cannot read"),
        ("z,sn\n0.1,5\n", "no column sn_median"),
        ("z,sn_median\n0.1,0\n", "no row"),
        ("z,sn_median\nfar,5\n", "not numbers"),
    ],
)
def test_a_bad_table_of_redshifts_is_refused(
    tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "like.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_selection(path)


def test_unusable_rows_of_the_table_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "like.csv"
    path.write_text("name,z,sn_median\na,0.1,15\nb,,20\nc,2.5,9\n", encoding="utf-8")
    assert read_selection(path).tolist() == [[0.1, 15.0]]
