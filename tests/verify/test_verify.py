"""Verify: a clean warehouse has no finding, and each damage is found by its name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from galspec_spark.catalog.stage import classify
from galspec_spark.errors import UserError
from galspec_spark.harness import outcome
from galspec_spark.harness.run import Run
from galspec_spark.ingest.listing import READ_AGAIN
from galspec_spark.ingest.stage import ingest
from galspec_spark.measure.stage import measure_lines
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.verify.files import compare_part
from galspec_spark.verify.findings import KINDS, WIDTH, Finding, as_text, summed
from galspec_spark.verify.parts import PARTITIONS, SCHEMAS, check_part
from galspec_spark.verify.tables import reconcile
from galspec_spark.verify.verify import verify
from galspec_spark.warehouse.parts import open_part, part_writer
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse
from tests import spec_files
from tests.lines.galaxies import write_templates
from tests.submit import run_here

RunOf = Callable[..., Run]
Edit = Callable[[pa.Table], pa.Table]


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve spectra: two of one object, one with odd numbers, one of SDSS-V; and a broken file."""
    folder = tmp_path_factory.mktemp("survey")
    for seed in range(12):
        identity = {"BESTOBJID": "1000"} if seed == 1 else {}
        if seed == 7:
            identity = {"PLUG_RA": -0.5, "Z_ERR": np.inf, "SN_MEDIAN_ALL": -np.inf}
        coadd = spec_files.arrays(seed)
        if seed == 5:
            coadd["flux"][50], coadd["ivar"][50] = np.inf, 1
        if seed == 6:
            spec_files.sdss_v().writeto(folder / "spec-015143-59205-27021598150202075.fits")
            continue
        spec_files.write(
            folder, seed, coadd=coadd, SUBCLASS=("AGN", "STARFORMING")[seed % 2], **identity
        )
    (folder / "half.fits").write_bytes((folder / "spec-0000.fits").read_bytes()[:20000])
    return folder


@pytest.fixture(scope="module")
def clean(
    spark: SparkSession,
    survey: Path,
    release_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A warehouse without a fault. Read it only."""
    from galspec_spark.config import Config

    root = tmp_path_factory.mktemp("clean")
    templates = write_templates(tmp_path_factory.mktemp("templates") / "stars.fits")
    settings = {"coverage_min": 0.5, "folds": 2}
    sections = {"preprocess": settings, "lines": {"templates": templates}}
    run = Run.start("test", Config.model_validate(sections))
    ingest(spark, run, [str(survey)], Warehouse(root), "dr14")
    preprocess(spark, run, Warehouse(root))
    measure_lines(spark, run, Warehouse(root))
    classify(spark, run, Warehouse(root), release_model, None)
    return root


@pytest.fixture
def copy(clean: Path, tmp_path: Path) -> Warehouse:
    """A warehouse to be damaged; its files are those of the clean one."""
    return Warehouse(shutil.copytree(clean, tmp_path / "warehouse"))


def rewrite(part: Location, edit: Edit) -> None:
    """Write a part anew, its rows changed; the schema may be another one then."""
    table = edit(open_part(part).read())
    with part_writer(part, table.schema) as writer:
        writer.write_table(table)


def replaced(table: pa.Table, name: str, change: Callable[[list[Any]], list[Any]]) -> pa.Table:
    """Change the values of a column, given as a list."""
    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    values = pa.array(change(table[name].to_pylist()), field.type)
    return table.set_column(place, field, values)


def with_value(name: str, row: int, value: Any) -> Edit:
    """Return an edit that changes one value."""

    def change(values: list[Any]) -> list[Any]:
        values[row] = value
        return values

    return lambda table: replaced(table, name, change)


def with_pixel(name: str, row: int, pixel: int, value: Any) -> Edit:
    """Return an edit that changes one pixel."""

    def change(arrays: list[Any]) -> list[Any]:
        arrays[row][pixel] = value
        return arrays

    return lambda table: replaced(table, name, change)


def one_pixel_less(name: str) -> Edit:
    return lambda table: replaced(table, name, lambda arrays: [*arrays[:-1], arrays[-1][:-1]])


def found_in(warehouse: Warehouse, table: str) -> list[tuple[str, int]]:
    """Check the first part of a table, without Spark."""
    result = check_part((table, warehouse.parts(table)[0]))
    return [(finding.kind, finding.count) for finding in result.findings]


def kinds(summary: dict[str, Any]) -> dict[str, int]:
    return {finding["finding"]: finding["count"] for finding in summary["findings"]}


def test_a_clean_warehouse_has_no_findings(
    spark: SparkSession, copy: Warehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_here(spark, "verify", "--warehouse", str(copy.root), "--sample", "all") == outcome.DONE
    )
    printed = capsys.readouterr()
    assert "no findings" in printed.out
    assert "rror" not in printed.err
    summary = json.loads((copy.root / "summary.json").read())["verify"]
    assert summary["findings"] == []
    assert summary["rows_of_spectra"] == summary["rows_of_sample"] == 12
    assert summary["rows_of_files"] == 13
    assert summary["files_compared"] == summary["rows_compared"] == 12
    assert summary["pixels"] == 12 * (spec_files.PIXELS + 2642)
    assert not (copy.root / READ_AGAIN).exists()


def test_the_findings_lead_to_a_warehouse_without_any(
    spark: SparkSession, copy: Warehouse, survey: Path, run_of: RunOf
) -> None:
    """From a flipped bit, by what the findings say is to be done."""
    for table in ("restframe", "sample", "lines"):
        copy.table(table).delete_folder()
    damaged, *_ = copy.parts("spectra")
    rows = open_part(damaged).metadata.num_rows
    flip(damaged, "flux")
    assert found_in(copy, "spectra") == [("unreadable_part", 1)]
    assert "delete the part" in KINDS["unreadable_part"].remedy

    damaged.delete()
    summary = verify(spark, run_of(), copy)
    assert kinds(summary) == {"missing_rows": rows}
    again = (copy.root / READ_AGAIN).read().decode().splitlines()
    assert len(again) == rows < 12
    assert ingest(spark, run_of(), [str(survey)], copy, "dr14")["replaced"] == rows
    assert not (copy.root / READ_AGAIN).exists()
    assert verify(spark, run_of(), copy)["findings"] == []

    run = run_of(preprocess={"coverage_min": 0.5, "folds": 2})
    preprocess(spark, run, copy)
    rewrite(copy.parts("restframe")[0], lambda table: table.take([*range(1, len(table)), 0]))
    assert kinds(verify(spark, run_of(), copy)) == {"misplaced_decisions": 1}
    (copy.table("sample") / "_state.json").delete()
    assert preprocess(spark, run, copy)["parts_moved"] == len(copy.parts("spectra"))
    assert verify(spark, run_of(), copy)["findings"] == []


def flip(part: Location, column: str) -> None:
    """Flip one bit in the last byte of a column's data."""
    metadata = open_part(part).metadata.row_group(0)
    columns = [metadata.column(i) for i in range(metadata.num_columns)]
    found = next(c for c in columns if c.path_in_schema.partition(".")[0] == column)
    content = bytearray(part.read())
    first = found.dictionary_page_offset or found.data_page_offset
    content[first + found.total_compressed_size - 1] ^= 1
    Path(part.path).write_bytes(content)


@pytest.mark.parametrize(
    ("column", "readable"), [("flux", True), ("or_mask", True), ("class", True), ("file", False)]
)
def test_a_flipped_bit_is_found_in_any_column(copy: Warehouse, column: str, readable: bool) -> None:
    part = copy.parts("spectra")[0]
    flip(part, column)
    result = check_part(("spectra", part))
    assert [finding.kind for finding in result.findings] == ["unreadable_part"]
    assert part.path in result.findings[0].example
    assert result.readable == readable


@pytest.mark.parametrize("table", SCHEMAS)
@pytest.mark.parametrize("size", [0, 4, 1000])
def test_a_truncated_part_of_any_table_is_found(copy: Warehouse, table: str, size: int) -> None:
    part = copy.parts(table)[0]
    Path(part.path).write_bytes(part.read()[:size])
    assert found_in(copy, table) == [("unreadable_part", 1)]


def test_bytes_that_are_no_text_are_found_where_there_is_no_checksum(copy: Warehouse) -> None:
    part = copy.parts("spectra")[0]
    table = open_part(part).read()
    place = table.schema.get_field_index("file")
    values = pa.array([b"\xff", *[b"x"] * (len(table) - 1)]).view(pa.string())
    pq.write_table(table.set_column(place, table.schema.field(place), values), part.path)
    assert found_in(copy, "spectra") == [("unreadable_part", 1)]


@pytest.mark.parametrize("table", ["spectra", "files"])
def test_a_footer_that_misleads_ingest_is_found(copy: Warehouse, table: str) -> None:
    part = copy.parts(table)[0]
    content = bytearray(part.read())
    place = content.rfind(b"spec-00")
    assert place > len(content) - int.from_bytes(content[-8:-4], "little")  # in the footer
    content[place] = ord("z")
    Path(part.path).write_bytes(content)
    assert found_in(copy, table) == [("wrong_statistics", 1)]


def test_damage_in_one_row_group_does_not_hide_the_others(copy: Warehouse) -> None:
    part = copy.parts("spectra")[0]
    table = with_value("quality", -1, 1)(open_part(part).read())
    with part_writer(part, table.schema) as writer:
        writer.write_table(table, row_group_size=2)
    flip(part, "flux")
    assert found_in(copy, "spectra") == [("wrong_quality", 1), ("unreadable_part", 1)]


@pytest.mark.parametrize(
    ("table", "edit", "kind"),
    [
        ("spectra", lambda t: t.drop_columns(["class"]), "wrong_schema"),
        ("spectra", lambda t: t.append_column("more", t["class"]), "wrong_schema"),
        ("files", lambda t: t.set_column(7, "rows", t["rows"].cast(pa.int64())), "wrong_schema"),
        (
            "sample",
            lambda t: t.set_column(
                t.schema.get_field_index("object_id"), "object_id", pa.nulls(len(t), pa.string())
            ),
            "wrong_schema",
        ),
        ("spectra", one_pixel_less("flux"), "wrong_lengths"),
        ("spectra", one_pixel_less("or_mask"), "wrong_lengths"),
        ("spectra", with_value("pixels", 0, 1), "wrong_lengths"),
        ("restframe", one_pixel_less("flux"), "wrong_lengths"),
        ("restframe", with_value("ivar", 0, None), "wrong_lengths"),
        ("restframe", with_value("has_scale", 0, False), "wrong_lengths"),
        ("sample", with_value("reason", 0, "coverage"), "impossible_decision"),
        ("sample", with_value("split", 0, None), "impossible_decision"),
        ("sample", with_value("label", 0, None), "impossible_decision"),
        ("spectra", with_pixel("flux", 1, 7, None), "null_pixels"),
        ("spectra", with_value("z", 0, float("nan")), "not_finite"),
        ("spectra", with_value("loglam0", 0, float("inf")), "not_finite"),
        ("restframe", with_pixel("flux", 1, 7, float("nan")), "not_finite"),
        ("spectra", with_value("quality", 0, 1), "wrong_quality"),
        ("spectra", with_value("ra", 0, 12.0), "wrong_healpix"),
        ("spectra", with_value("dec", 0, None), "wrong_healpix"),
        ("spectra", with_value("healpix29", 0, None), "wrong_healpix"),
        ("spectra", with_value("spectrum_id", 0, "sdss-dr17-0266-51630-0001"), "wrong_folder"),
        ("spectra", lambda t: t.take([*range(1, len(t)), 0]), "not_sorted"),
        ("lines", with_value("formula_subclass", 0, "AGN"), "impossible_lines"),
        ("lines", with_value("h_beta_flag", 0, 2), "impossible_lines"),
        ("lines", with_value("h_alpha_area", 0, float("inf")), "not_finite"),
        ("catalog", with_value("healpix29", 0, None), "wrong_healpix"),
        ("catalog", with_value("probability", 0, 1.5), "impossible_prediction"),
        ("catalog", with_value("margin", 0, None), "impossible_prediction"),
        ("catalog", with_value("class", 0, "star"), "impossible_prediction"),
        ("catalog", with_value("prediction_set", 0, None), "impossible_prediction"),
        ("catalog", with_value("prediction_set", 0, "star"), "impossible_prediction"),
        ("catalog", with_value("reason", 0, "sky"), "impossible_prediction"),
        ("catalog", with_value("z", 0, float("nan")), "not_finite"),
        ("files", with_value("rows", -1, 2), None),
        ("files", with_value("format", -1, None), "impossible_account"),
        ("files", with_value("reason", -1, "empty"), "impossible_account"),
        ("files", with_value("status", -1, "lost"), "impossible_account"),
        ("files", with_value("status", -1, "quarantined"), "impossible_account"),
        ("files", with_value("size", -1, 1), "file_changed"),
        ("files", with_value("mtime_ns", -1, 1), "file_changed"),
        ("files", with_value("path", -1, "/nowhere/a.fits"), "file_gone"),
    ],
)
def test_rows_that_contradict_themselves(
    copy: Warehouse, table: str, edit: Edit, kind: str | None
) -> None:
    rewrite(copy.parts(table)[0], edit)
    found = found_in(copy, table)
    if kind == "null_pixels":  # a pixel without a value is not a finite number either
        assert found.pop() == ("wrong_quality", 1)
    if kind == "wrong_healpix" and table == "spectra":
        found = [finding for finding in found if finding[0] != "not_sorted"]  # it may be, or not
    assert found == ([(kind, 1)] if kind else [])


@pytest.mark.parametrize(
    ("name", "value", "bit_is_right"),
    [("flux", float("nan"), False), ("ivar", float("inf"), False), ("ivar", -1.0, True)],
)
def test_quality_says_whether_pixels_are_finite(
    copy: Warehouse, name: str, value: float, bit_is_right: bool
) -> None:
    """A negative ivar is no information, as ingest and preprocess see it."""
    part = copy.parts("spectra")[0]
    good = int(np.argmax(np.array(open_part(part).read()["ivar"][0].as_py()) > 0))
    rewrite(part, with_pixel(name, 0, good, value))
    assert found_in(copy, "spectra") == ([] if bit_is_right else [("wrong_quality", 1)])


def test_a_part_in_the_wrong_folder_is_found(copy: Warehouse) -> None:
    part = copy.parts("spectra")[0]
    part.move(copy.root / "spectra" / part.name)
    assert found_in(copy, "spectra") == [("wrong_schema", 1)]


def account_of(warehouse: Warehouse, part: Location) -> pa.Table:
    """Return what a task of the comparison gets: the rows of a part, with their files."""
    narrow = open_part(part).read(["file", "spectrum_id"])
    files = pa.concat_tables(open_part(p).read() for p in warehouse.parts("files"))
    files = files.select(["path", "size", "mtime_ns", "rows"])
    files = files.rename_columns({"path": "file", "rows": "spectra"})
    rows = narrow.append_column("row", pa.array(range(len(narrow)), pa.int64()))
    rows = rows.append_column("part", pa.repeat(part.path, len(narrow)))
    return rows.join(files, "file").sort_by("row")


@pytest.mark.parametrize(
    ("edit", "columns"),
    [
        (lambda table: table, None),
        (with_pixel("flux", 1, 7, 1e-3), "flux"),
        (with_pixel("and_mask", 1, 7, 1 << 30), "and_mask"),
        (with_value("and_mask", 1, None), "and_mask"),
        (with_value("subclass", 1, "BROADLINE"), "subclass"),
        (with_value("z", 1, 0.030000002), "z"),
        (with_value("oii_3726_area", 1, float("nan")), "oii_3726_area"),
        (with_value("spectrum_id", 1, "sdss-dr14-0266-51630-0099"), "not in the file"),
        (one_pixel_less("ivar"), "ivar"),
    ],
)
def test_altered_rows_are_found_by_reading_the_file_again(
    copy: Warehouse, edit: Edit, columns: str | None
) -> None:
    part = copy.parts("spectra")[0]
    rewrite(part, edit)
    result = compare_part(account_of(copy, part))
    found = [(finding[0], finding[2], finding[3].split(": ")[1]) for finding in result["findings"]]
    assert found == ([] if columns is None else [("altered_rows", 1, f"{columns}, in {part}")])
    assert len(result["again"]) == len(found)


def test_infinities_and_nans_are_compared_as_bits(copy: Warehouse, survey: Path) -> None:
    path = str(survey / "spec-0005.fits")
    tables = {part: open_part(part).read() for part in copy.parts("spectra")}
    part, table = next((p, t) for p, t in tables.items() if path in t["file"].to_pylist())
    row = table["file"].to_pylist().index(path)
    assert table["flux"][row][50].as_py() == float("inf")
    assert compare_part(account_of(copy, part))["findings"] == []
    rewrite(part, with_pixel("flux", row, 50, float("nan")))
    assert [finding[0] for finding in compare_part(account_of(copy, part))["findings"]] == [
        "altered_rows"
    ]


def test_files_that_changed_or_rotted_are_told_apart(copy: Warehouse, tmp_path: Path) -> None:
    part = copy.parts("spectra")[0]
    other = spec_files.write(tmp_path, 0)
    other.write_bytes(b"x" * 3000)
    status = Location.of(other).status()
    rows = account_of(copy, part)

    def first_row(**values: Any) -> pa.Table:
        changed = rows
        for name, value in values.items():
            changed = with_value(name, 0, value)(changed)
        return changed

    two = compare_part(first_row(spectra=2))
    assert [finding[0] for finding in two["findings"]] == ["wrong_account"]
    assert two["again"] == [rows["file"][0].as_py()]
    rewrite(part, with_value("file", 0, str(other)))
    changed = compare_part(first_row(file=str(other), size=status.size))
    assert (changed["changed"], changed["findings"]) == (1, [])
    same = {"file": str(other), "size": status.size, "mtime_ns": status.mtime_ns}
    rotted = compare_part(first_row(**same))
    assert [finding[0] for finding in rotted["findings"]] == ["file_unreadable"]
    assert (rotted["changed"], rotted["files"]) == (0, rows.num_rows - 1)


def test_tables_are_reconciled(spark: SparkSession, copy: Warehouse, tmp_path: Path) -> None:
    """All faults that only show between tables, at once, each on rows of its own."""
    rows = {
        table: pa.concat_tables(open_part(part).read() for part in copy.parts(table))
        for table in SCHEMAS
    }
    rows = {name: table.sort_by(table.column_names[0]) for name, table in rows.items()}
    spectra, files, sample = rows["spectra"], rows["files"], rows["sample"]
    paths = spectra["file"].to_pylist()
    rest = pa.concat_tables([spectra.slice(1), spectra.slice(3, 1)])  # 0 dropped, 3 twice
    orphaned = with_value("file", 4, "/nowhere/orphan.fits")  # was 5
    rest = with_value("file", 5, paths[7])(orphaned(rest))  # was 6, now as if read from 7's file
    rest = with_value("spectrum_id", 5, spectra["spectrum_id"][7].as_py())(rest)
    quarantined = files["path"].to_pylist().index(paths[8])
    files = with_value("status", quarantined, "quarantined")(files)
    files = pa.concat_tables([files, files.filter(pc.equal(files["path"], paths[9]))])
    sample = with_value("is_primary", 10, False)(sample)
    sample = with_value("observations", 11, 5)(sample)
    tables = {
        "spectra": rest,
        "files": files,
        "sample": sample,
        "restframe": rows["restframe"].slice(0, 11),
        "lines": rows["lines"].slice(0, 11),
        "catalog": pa.concat_tables([rows["catalog"], rows["catalog"].slice(4, 1)]),
    }
    parts: dict[str, list[Location]] = {}
    for name, table in tables.items():
        folder = "/".join(f"{folder}=a" for folder in PARTITIONS.get(name, (".",)))
        parts[name] = [Location.of(tmp_path) / name / folder / "a.parquet"]
        with part_writer(parts[name][0], table.schema) as writer:
            writer.write_table(table)
    findings, again = reconcile(spark, parts)
    found = {finding.kind: (finding.count, finding.example) for finding in findings}
    assert found.pop("missing_rows")[0] == 3  # 0, 5 and 6
    assert found.pop("surplus_rows")[0] == 2  # 3 and 7
    assert found.pop("duplicate_rows")[0] == 2
    assert found.pop("rows_without_account") == (1, "/nowhere/orphan.fits: 1 rows, not 0")
    assert found.pop("rows_of_quarantined") == (1, f"{paths[8]}: 1 rows, not 1")
    assert found.pop("duplicate_account") == (1, paths[9])
    assert found.pop("missing_decisions")[0] == 3  # 3, 7, and 5 under its new name
    assert found.pop("surplus_decisions")[0] == 3  # 0, 5 and 6
    assert found.pop("wrong_primary")[0] == 1
    assert found.pop("wrong_observations")[0] == 1
    for table in ("restframe", "lines"):
        assert found.pop(f"{table}_rows")[0] == 5  # 0, 3, 6, 7 and 11
    assert found.pop("duplicate_predictions")[0] == 1
    assert found == {}
    assert again == {paths[i] for i in (0, 3, 5, 6, 7, 8, 9)} | {"/nowhere/orphan.fits"}


def test_a_release_is_checked_alone_and_its_objects_in_all_releases(
    spark: SparkSession, copy: Warehouse, tmp_path: Path, run_of: RunOf
) -> None:
    for seed in (3, 8):  # which the first release has, too
        spec_files.write(tmp_path / "more", seed, SUBCLASS="")
    ingest(spark, run_of(), [str(tmp_path / "more")], copy, "dr15")
    preprocess(spark, run_of(preprocess={"coverage_min": 0.5, "folds": 2}), copy)
    (sample,) = copy.parts("sample")
    decided = open_part(sample).read()
    rows = [
        decided["spectrum_id"].to_pylist().index(f"sdss-dr14-0266-51630-{i:04d}") for i in (4, 10)
    ]
    edits = [with_value("observations", rows[0], 7), with_value("observations", rows[1], 7)]
    rewrite(sample, lambda table: edits[0](edits[1](table)))
    for part in copy.parts("restframe"):
        if "release=dr14" in part.path:
            part.delete()
    (copy.root / READ_AGAIN).write(b'"/in/another.fits"\n')
    summary = verify(spark, run_of(), copy, release="dr15", inputs=[str(tmp_path / "more")])
    # Of dr15 alone, whose lines nobody measured; one object is of dr14 only.
    assert kinds(summary) == {"lines_rows": 2, "lines_outdated": 2, "wrong_observations": 1}
    assert summary["rows_of_spectra"] == summary["rows_compared"] == 2
    assert (copy.root / READ_AGAIN).read() == b'"/in/another.fits"\n'


def test_the_job_shows_its_findings_and_exits_with_3(
    spark: SparkSession,
    copy: Warehouse,
    survey: Path,
    tmp_path: Path,
    run_of: RunOf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same file twice, a file never ingested, leftovers, and restframe behind spectra."""
    twin = spec_files.write(tmp_path / "more", 3)
    ingest(spark, run_of(), [str(twin)], copy, "dr14")
    new = spec_files.write(tmp_path / "more", 20)
    (copy.root / "_staging/dead/part.parquet").write(b"half")
    options = ["--input", str(tmp_path / "more"), "--sample", "2", "--seed", "7"]
    code = run_here(spark, "verify", "--warehouse", str(copy.root), *options)
    assert code == outcome.PROBLEM_FOUND

    summary = json.loads((copy.root / "summary.json").read())["verify"]
    assert kinds(summary) == {
        "same_spectrum": 1,
        "not_ingested": 1,
        "restframe_rows": 1,
        "restframe_outdated": 1,
        "lines_rows": 1,
        "lines_outdated": 1,
        "missing_decisions": 1,
    }
    examples = {finding["finding"]: finding["example"] for finding in summary["findings"]}
    assert examples["not_ingested"] == str(new)
    assert str(twin) in examples["same_spectrum"]
    assert str(survey / "spec-0003.fits") in examples["same_spectrum"]
    assert summary["leftovers"] == 1
    assert summary["files_compared"] == 2
    assert not (copy.root / "_staging").exists()
    assert as_text(summary["findings"]) in capsys.readouterr().out


@pytest.mark.parametrize("sample", ["-1", "some", "1.5"])
def test_a_wrong_sample_is_wrong_usage(spark: SparkSession, sample: str) -> None:
    assert run_here(spark, "verify", f"--sample={sample}") == outcome.WRONG_USAGE


def test_one_writer_and_no_warehouse_are_one_clear_line(
    spark: SparkSession, copy: Warehouse, tmp_path: Path, run_of: RunOf
) -> None:
    with copy.writing("test"), pytest.raises(UserError, match="another job is writing"):
        verify(spark, run_of(), copy)
    with pytest.raises(UserError, match=r"no warehouse in .*nowhere: galspec ingest makes one"):
        verify(spark, run_of(), Warehouse(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_the_table_of_findings_fits_a_terminal() -> None:
    findings = [Finding(kind, "spectra", 10**9, f"a {'word ' * 40}") for kind in KINDS]
    text = as_text(summed(findings, Location.of("/warehouse")))
    assert max(map(len, text.splitlines())) <= WIDTH
    words = " ".join(text.split())
    for kind in KINDS.values():
        assert kind.meaning in words
        assert kind.remedy in words


def test_findings_of_a_kind_are_summed_and_ordered() -> None:
    root = Location.of("/warehouse")
    many = [
        Finding("missing_rows", "spectra", 2, "b"),
        Finding("unreadable_part", "files", 1, f"{root}/files/a.parquet: gone"),
        Finding("missing_rows", "spectra", 3, "a"),
    ]
    first, second = summed(many, root)
    assert (first["finding"], first["example"]) == ("unreadable_part", "files/a.parquet: gone")
    assert (second["count"], second["example"]) == (5, "a")


def test_real_spectra_have_no_finding(
    spark: SparkSession, real_warehouse: Path, run_of: RunOf
) -> None:
    summary = verify(spark, run_of(), Warehouse(real_warehouse), sample=None)
    assert summary["findings"] == []
    assert summary["rows_compared"] == summary["rows_of_spectra"]


def test_parts_are_written_with_checksums(copy: Warehouse) -> None:
    part = copy.parts("spectra")[0]
    flip(part, "flux")
    with pytest.raises(UserError, match=f"cannot read {part}: .*CRC checksum"):
        open_part(part).read(["flux"])
    pq.ParquetFile(part.path).metadata  # noqa: B018 - the footer is whole
