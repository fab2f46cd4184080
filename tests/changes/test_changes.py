"""Which observations are paired, and the job from a warehouse to table and figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from galspec_spark.changes.compare import COMPARED
from galspec_spark.changes.repeats import REPEATS, observations, pair_up
from galspec_spark.changes.stage import find_changes
from galspec_spark.changes.table import CHANGES
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ingest.stage import ingest
from galspec_spark.measure.schema import LINES
from galspec_spark.measure.stage import measure_lines
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.simulate.survey import simulate
from galspec_spark.warehouse.parts import part_writer
from galspec_spark.warehouse.schemas import SPECTRA
from galspec_spark.warehouse.tables import Warehouse
from tests.submit import run_here
from tests.warehouses import with_columns, write_tables

RunOf = Callable[..., Run]
#: Spectra of a block of the simulation, and how many of them are repeats.
COUNT, REPEATED = 160, 32
SPECTRUM = {"loglam0": 3.6, "pixels": 0, "flux": [], "ivar": []}
H_ALPHA = {
    "area": 30.0,
    "area_err": 2.0,
    "continuum": 5.0,
    "continuum_err": 0.1,
    "sigma": 150.0,
    "chi2": 9.0,
    "pixels": 10,
    "flag": 0,
}


def observed(*rows: dict) -> pa.Table:
    """Return rows of the table of repeats: by default of one object, place, redshift and survey."""
    usual = {"object_id": "a", "ra": 10.0, "dec": 60.0, "z": 0.1, "sn_median": 5.0, "mjd": 51000}
    usual |= {"survey": "sdss", "release": "dr1", "first_seen": "1", "is_primary": False}
    columns = pa.Table.from_pylist([{**usual, **row} for row in rows])
    return with_columns(columns, REPEATS, {})


def paired(repeats: pa.Table) -> list[tuple[str, str, bool]]:
    pairs = pair_up(repeats)
    names = repeats["spectrum_id"].to_pylist()
    rows = zip(pairs.first.tolist(), pairs.second.tolist(), pairs.comparable.tolist(), strict=True)
    return sorted((names[first], names[second], same) for first, second, same in rows)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, [("one", "two", True)]),
        ({"mjd": 50000}, [("two", "one", True)]),
        ({"mjd": None}, [("one", "two", True)]),
        ({"object_id": "b"}, []),
        ({"survey": "desi"}, []),
        ({"ra": 10 + 1.9 / 3600}, [("one", "two", True)]),  # at 60 degrees half of it
        ({"ra": 10 + 2.1 / 3600}, [("one", "two", False)]),
        ({"dec": 60 + 1.1 / 3600}, [("one", "two", False)]),
        ({"z": 0.103}, [("one", "two", False)]),
        ({"z": None}, [("one", "two", False)]),
        ({"ra": None}, [("one", "two", False)]),
    ],
)
def test_two_observations_make_a_pair(other: dict, expected: list) -> None:
    first = {"spectrum_id": "one", "is_primary": True}
    assert paired(observed(first, {"spectrum_id": "two", **other})) == expected


def test_each_is_paired_with_the_best_and_a_spectrum_of_two_releases_counts_once() -> None:
    repeats = observed(
        {"spectrum_id": "sdss-dr1-2", "sn_median": 9.0, "mjd": 51002},
        {"spectrum_id": "sdss-dr1-3", "mjd": 51003, "is_primary": True},
        {"spectrum_id": "sdss-dr2-3", "mjd": 51003, "release": "dr2", "first_seen": "2"},
        {"spectrum_id": "sdss-dr1-1", "mjd": 51001},
    )
    assert paired(repeats) == [
        ("sdss-dr1-1", "sdss-dr1-2", True),
        ("sdss-dr1-2", "sdss-dr2-3", True),
    ]
    assert paired(REPEATS.empty_table()) == []


@pytest.fixture(scope="module")
def warehouse(
    spark: SparkSession, run_of: RunOf, tmp_path_factory: pytest.TempPathFactory
) -> Warehouse:
    """A measured survey in which many objects were observed twice."""
    folder = tmp_path_factory.mktemp("repeats")
    run = run_of(simulate={"spectra": COUNT, "repeats": REPEATED / COUNT})
    simulate(spark, run.config.simulate, folder / "survey")
    found = Warehouse(folder / "warehouse")
    ingest(spark, run, [str(folder / "survey")], found, "dr1")
    preprocess(spark, run, found)
    measure_lines(spark, run, found)
    return found


def plant(warehouse: Warehouse, spectrum_id: str, line: str, factor: float) -> None:
    """Multiply the area of a line of one spectrum."""
    for part in warehouse.parts("lines"):
        rows = pq.read_table(part.path, partitioning=None)
        column = rows.schema.get_field_index(f"{line}_area")
        chosen = pc.equal(rows["spectrum_id"], spectrum_id)
        area = pc.if_else(chosen, pc.multiply(rows[column], factor), rows[column])
        rows = rows.set_column(column, rows.schema.field(column), area.cast(pa.float32()))
        with part_writer(part, rows.schema) as writer:
            writer.write_table(rows)


def run_job(spark: SparkSession, warehouse: Warehouse, output: Path) -> pa.Table:
    options = ("--warehouse", str(warehouse.root), "--output", str(output))
    assert run_here(spark, "changes", *options) == 0
    return pq.read_table(output / "changes.parquet")


def test_a_planted_change_is_the_only_candidate(
    spark: SparkSession, warehouse: Warehouse, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run_job(spark, warehouse, tmp_path / "before")
    assert before.schema.equals(CHANGES)
    assert len(before) == REPEATED
    assert not any(before["is_candidate"].to_pylist())
    assert set(before["days"].to_pylist()) == {401}
    assert np.quantile(np.abs(before["largest_change"].drop_null()), 0.5) < 3
    chosen = before.filter(pc.equal(before["second_formula"], "STARFORMING")).to_pylist()[-1]
    plant(warehouse, chosen["second_id"], "oiii_5007", 20)
    capsys.readouterr()
    after = run_job(spark, warehouse, tmp_path / "after")
    assert "candidates  1" in capsys.readouterr().out
    found = after.slice(0, 1).to_pylist()[0]
    assert (found["second_id"], found["largest_line"]) == (chosen["second_id"], "oiii_5007")
    assert found["oiii_5007_change"] == found["largest_change"] > 5
    assert found["h_alpha_change"] == pytest.approx(chosen["h_alpha_change"])
    assert after["is_candidate"].to_pylist() == [True] + [False] * (REPEATED - 1)
    assert (tmp_path / "after" / "figures" / "changes.png").read_bytes().startswith(b"\x89PNG")


def test_lines_are_read_in_the_units_of_the_comparison() -> None:
    """A width in A at the observed wavelength, a larger error of a bad fit, NaN if not measured."""
    row = {f"h_alpha_{name}": value for name, value in H_ALPHA.items()}
    line = COMPARED.index("h_alpha")
    for change, error in (({}, 2.0), ({"h_alpha_chi2": 90.0}, 6.0)):
        repeats = observed({"spectrum_id": "one", "line_z": 0.1, **row, **change})
        seen = observations(repeats, np.array([0]))
        assert (seen.area[0, line], seen.area_err[0, line]) == (30.0, pytest.approx(error))
        expected = np.sqrt(2 * np.pi) * 150 / 299792.458 * 6564.61 * 1.1
        assert seen.width[0, line] == pytest.approx(expected, rel=1e-4)
        assert np.isfinite(seen.area).sum() == 1
    for unusable in ({"h_alpha_flag": 1}, {"h_alpha_area_err": 0.0}):
        repeats = observed({"spectrum_id": "one", "line_z": 0.1, **row, **unusable})
        assert np.isnan(observations(repeats, np.array([0])).area).all()


def small_warehouse(root: Path, observations: int, *, measured: bool = True) -> Warehouse:
    """Write tables of two spectra by hand, of as many observations of their objects."""
    table = pa.table({"spectrum_id": ["one", "two"], "object_id": ["a", "b"]})
    place = "survey=sdss/release=dr14/a.parquet"
    rows = table.append_column("observations", pa.array([observations] * 2, pa.int32()))
    warehouse = Warehouse(write_tables(root, {place: rows}))
    if measured:
        constants = {"templates": "t", "templates_seen": False}
        with part_writer(warehouse.table("lines") / place, LINES) as writer:
            writer.write_table(with_columns(table, LINES, constants))
    return warehouse


def test_without_repeats_the_table_is_empty(
    run_of: RunOf, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An earlier run's figure does not stay; no spectrum is opened."""
    figure = tmp_path / "out" / "figures" / "changes.png"
    figure.parent.mkdir(parents=True)
    figure.write_bytes(b"old")
    caplog.set_level("INFO")
    found = find_changes(run_of(), small_warehouse(tmp_path / "w", 1), tmp_path / "out")
    assert (found["pairs"], found["candidates"]) == (0, 0)
    table = pq.read_table(tmp_path / "out" / "changes.parquet")
    assert table.schema.equals(CHANGES)
    assert len(table) == 0
    assert not figure.exists()
    assert "no object was observed more than once" in caplog.text


def test_what_is_missing_is_one_line(run_of: RunOf, tmp_path: Path) -> None:
    """No lines at all, no part with the same rows, or one with others."""
    no_lines = small_warehouse(tmp_path / "none", 2, measured=False)
    with pytest.raises(UserError, match=r"no table 'lines' .*galspec measure"):
        find_changes(run_of(), no_lines, tmp_path)
    no_spectra = small_warehouse(tmp_path / "other", 2)
    with pytest.raises(UserError, match=r"spectra/.* does not exist: run galspec ingest"):
        find_changes(run_of(), no_spectra, tmp_path)
    place = no_spectra.table("spectra") / "survey=sdss/release=dr14/a.parquet"
    fewer = with_columns(pa.table({"spectrum_id": ["one"]}), SPECTRA, SPECTRUM)
    with part_writer(place, SPECTRA) as writer:
        writer.write_table(fewer)
    with pytest.raises(UserError, match="has 1 rows and the table sample 2 of it"):
        find_changes(run_of(), no_spectra, tmp_path)
