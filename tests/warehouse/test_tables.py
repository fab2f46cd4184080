"""The warehouse's commit: as a whole or not at all, wherever it is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.warehouse import storage
from galspec_spark.warehouse.frames import read_table
from galspec_spark.warehouse.parts import part_writer, partition_values
from galspec_spark.warehouse.storage import Location, write_json
from galspec_spark.warehouse.tables import Staging, Warehouse


def staged(folder: Location, names: list[str]) -> list[tuple[Location, str]]:
    for name in names:
        (folder / name).write(f"new {name}".encode())
    return [(folder / name, f"spectra/{name}") for name in names]


@pytest.mark.parametrize("interrupted_after", range(5))
def test_an_interrupted_commit_is_completed_by_the_next_reader(
    tmp_path: Path,
    run_of: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    interrupted_after: int,
) -> None:
    warehouse = Warehouse(tmp_path)
    table = warehouse.table("spectra")
    old = [table / "old1.parquet", table / "old2.parquet"]
    for place in old:
        place.write(b"old")
    steps = 0

    def interrupt(method: Callable[..., object]) -> Callable[..., object]:
        def wrapped(self: Location, *args: object) -> object:
            nonlocal steps
            if not self.name.startswith(("new", "old")):
                return method(self, *args)
            if steps == interrupted_after:
                raise KeyboardInterrupt
            steps += 1
            return method(self, *args)

        return wrapped

    staging = Staging(Location.of(tmp_path / "elsewhere"), lambda: None)  # stays, as after SIGKILL
    moves = staged(staging.folder, ["new1.parquet", "new2.parquet"])
    with monkeypatch.context() as patch:
        patch.setattr(Location, "delete", interrupt(Location.delete))
        patch.setattr(Location, "move", interrupt(Location.move))
        try:
            warehouse.commit(staging, moves, remove=old)
        except KeyboardInterrupt:
            assert interrupted_after < 4
    parts = Warehouse(tmp_path).parts("spectra")
    assert [part.name for part in parts] == ["new1.parquet", "new2.parquet"]
    assert parts[0].read() == b"new new1.parquet"


def test_a_change_is_on_the_disk_before_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a loss of power leaves an empty journal, or names of parts without content."""
    done: list[str] = []

    def told(step: str, method: Callable[..., object]) -> Callable[..., object]:
        def wrapped(place: Location | str, *args: object) -> object:
            name = place.name if isinstance(place, Location) else Path(place).name
            done.append(f"{step} {name}")
            return method(place, *args)

        return wrapped

    warehouse = Warehouse(tmp_path)
    warehouse.mark_format()
    (warehouse.table("spectra") / "old.parquet").write(b"old")
    with warehouse.writing("run") as staging:
        moves = staged(staging.folder, ["new.parquet"])
        monkeypatch.setattr(storage, "sync", told("sync", storage.sync))
        monkeypatch.setattr(Location, "move", told("move", Location.move))
        monkeypatch.setattr(Location, "delete", told("delete", Location.delete))
        warehouse.commit(staging, moves, remove=[warehouse.table("spectra") / "old.parquet"])
        monkeypatch.undo()
    root = tmp_path.name
    journal = next(step for step in done if step.startswith("sync ._journal.json"))
    steps = [
        "sync new.parquet", "sync run", journal, f"move {journal.removeprefix('sync ')}",
        f"sync {root}", "delete old.parquet", "move new.parquet", "sync spectra",
        "delete _journal.json",
    ]  # fmt: skip
    positions = [done.index(steps[0])]
    for step in steps[1:]:
        positions.append(done.index(step, 0 if step == "sync run" else positions[-1]))
    assert max(positions[:2]) < positions[2] < positions[3] < positions[4] < positions[5]
    assert positions[5:] == sorted(positions[5:])


@pytest.mark.parametrize("content", [b"", b"\0\0\0", b'{"remove": ["a', b"[]", b"\xff"])
def test_a_damaged_journal_or_format_is_named_with_the_remedy(
    tmp_path: Path, content: bytes
) -> None:
    Warehouse(tmp_path).mark_format()
    (tmp_path / "_journal.json").write_bytes(content)
    with pytest.raises(
        UserError, match=r"/_journal\.json is (empty|damaged).*; delete it; galspec ver"
    ):
        Warehouse(tmp_path).parts("spectra")
    (tmp_path / "_format.json").write_bytes(content)
    with pytest.raises(UserError, match=r"/_format\.json is (empty|damaged).*; write \{"):
        Warehouse(tmp_path).parts("spectra")


def test_a_change_stays_inside_the_warehouse(tmp_path: Path) -> None:
    Warehouse(tmp_path / "warehouse").mark_format()
    (tmp_path / "other").write_text("here")
    for path in ("../other", "/etc/passwd", "spectra/../../other"):
        write_json(tmp_path / "warehouse" / "_journal.json", {"remove": [path], "move": []})
        with pytest.raises(UserError, match=r"_journal\.json is damaged"):
            Warehouse(tmp_path / "warehouse").parts("spectra")
    assert (tmp_path / "other").exists()


def test_folders_above_a_table_may_have_any_name(tmp_path: Path, spark: SparkSession) -> None:
    root = tmp_path / "z=3" / "survey=x" / "warehouse"
    place = "survey=sdss/release=dr14/part.parquet"
    for table, path in {"spectra": place, "sample": "part.parquet"}.items():
        with part_writer(
            Location.of(root / table / path), pa.schema([("z", pa.float64())])
        ) as part:
            part.write_table(pa.table({"z": [0.1]}))
    Warehouse(root).mark_format()
    rows = read_table(spark, Warehouse(root), "spectra").collect()
    assert [row.asDict() for row in rows] == [{"z": 0.1, "survey": "sdss", "release": "dr14"}]
    assert partition_values(Location.of(root / "sample" / "part.parquet")) == {}


def test_nothing_is_visible_before_the_commit(tmp_path: Path, run_of: Callable[..., Run]) -> None:
    warehouse = Warehouse(tmp_path)
    with warehouse.writing("test") as staging:
        staged(staging.folder, ["part.parquet"])  # and no commit, as when the job fails
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_missing_table_names_the_command(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"galspec preprocess --warehouse"):
        read_table(spark, Warehouse(tmp_path), "restframe")


def test_a_staged_file_that_is_gone_changes_nothing(
    tmp_path: Path, run_of: Callable[..., Run]
) -> None:
    """As where a task wrote to a disk that only its own machine sees."""
    warehouse = Warehouse(tmp_path)
    warehouse.mark_format()
    old = warehouse.table("spectra") / "old.parquet"
    old.write(b"old")
    with warehouse.writing("test") as staging:
        moves = staged(staging.folder, ["new1.parquet", "new2.parquet"])
        moves[0][0].delete()
        with pytest.raises(UserError, match=r"new1\.parquet is gone since a task wrote it"):
            warehouse.commit(staging, moves, remove=[old])
    assert warehouse.parts("spectra") == [old]


def test_a_warehouse_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "spectra").mkdir()  # 0.1 left no format
    warehouse = Warehouse(tmp_path)
    for use in (lambda: warehouse.parts("spectra"), warehouse.writing("x").__enter__):
        with pytest.raises(UserError, match=r"format 1, this version reads 2: galspec migrate"):
            use()
    Warehouse(tmp_path / "new").mark_format()
    assert Warehouse(tmp_path / "new").parts("spectra") == []
    (tmp_path / "new" / "_format.json").write_text('{"format": 3}')
    with pytest.raises(UserError, match=r"has tables of format 3, .*: a newer version"):
        Warehouse(tmp_path / "new").parts("spectra")
