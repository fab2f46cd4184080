"""The warehouse's commit: as a whole or not at all, wherever it is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.provenance import Run
from galspec_spark.tables import Warehouse


def staged(staging: Path, names: list[str]) -> list[tuple[Path, str]]:
    for name in names:
        (staging / name).write_text(f"new {name}")
    return [(staging / name, name) for name in names]


@pytest.mark.parametrize("interrupted_after", range(5))
def test_an_interrupted_commit_is_completed_by_the_next_reader(
    tmp_path: Path,
    run_of: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    interrupted_after: int,
) -> None:
    warehouse = Warehouse(tmp_path)
    table = warehouse.table("spectra")
    table.mkdir()
    old = [table / "old1.parquet", table / "old2.parquet"]
    for path in old:
        path.write_text("old")
    steps = 0

    def interrupt(method: Callable[..., object]) -> Callable[..., object]:
        def wrapped(self: Path, *args: object, **kwargs: object) -> object:
            nonlocal steps
            if not self.name.startswith(("new", "old")):
                return method(self, *args, **kwargs)
            if steps == interrupted_after:
                raise KeyboardInterrupt
            steps += 1
            return method(self, *args, **kwargs)

        return wrapped

    staging = tmp_path / "elsewhere"  # stays, as after a SIGKILL
    staging.mkdir()
    moves = staged(staging, ["new1.parquet", "new2.parquet"])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", interrupt(Path.unlink))
        patch.setattr(Path, "replace", interrupt(Path.replace))
        try:
            warehouse.commit([(path, table / name) for path, name in moves], remove=old)
        except KeyboardInterrupt:
            assert interrupted_after < 4
    names = [path.name for path in Warehouse(tmp_path).parts("spectra")]
    assert names == ["new1.parquet", "new2.parquet"]
    assert (table / "new1.parquet").read_text() == "new new1.parquet"


def test_nothing_is_visible_before_the_commit(tmp_path: Path, run_of: Callable[..., Run]) -> None:
    warehouse = Warehouse(tmp_path)
    with warehouse.writing(run_of()) as staging:
        staged(staging, ["part.parquet"])  # and no commit, as when the job fails
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_missing_table_names_the_command(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"jobs/preprocess.py --warehouse"):
        Warehouse(tmp_path).read(spark, "restframe")
