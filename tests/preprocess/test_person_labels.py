"""A person's labels: what a file may say, and that they win over the survey's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from galspec_spark.errors import ConfigError
from galspec_spark.harness.run import Run
from galspec_spark.preprocess.person_labels import NO_LABELS, read_labels, with_person
from galspec_spark.preprocess.stage import preprocess
from galspec_spark.warehouse.tables import Warehouse

RunOf = Callable[..., Run]


def file_of(folder: Path, *lines: str, header: str = "spectrum_id,label") -> str:
    file = folder / "labels.csv"
    file.write_text("\n".join([header, *lines]) + "\n")
    return str(file)


def test_a_filled_in_queue_is_a_file_of_labels(tmp_path: Path) -> None:
    header = "rank,Label, spectrum_id,why"
    found = read_labels(file_of(tmp_path, "1, agn ,b,x", "2,,c,x", "3,other,a,x", header=header))
    assert found.names.to_pylist() == ["a", "b"]
    assert found.labels.tolist() == [0, 1]
    assert found.where == ("line 4", "line 2")


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    csv = read_labels(file_of(tmp_path, "b,AGN", "a,other"))
    table = pa.table({"label": ["other", None, "AGN"], "spectrum_id": ["a", "c", "b"]})
    pq.write_table(table, tmp_path / "labels.parquet")
    parquet = read_labels(str(tmp_path / "labels.parquet"))
    assert parquet.digest == csv.digest is not None
    assert read_labels(file_of(tmp_path, "b,AGN", "a,AGN")).digest != csv.digest
    assert read_labels(None) is NO_LABELS
    assert NO_LABELS.digest is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a,AGN", "b,quasar"], "line 3: unknown class 'quasar'; known: other, AGN"),
        (["a,AGN", "a,other"], "line 3: a is there twice, as 'AGN' in line 2 and 'other' here"),
        (["a,AGN", "b,AGN", "a,AGN"], "line 4: a is there twice: keep one of the two"),
        ([",AGN"], "line 2: the label 'AGN' has no spectrum_id: add it"),
        (["a,", "b"], "has no label: fill in its column 'label'"),
        (['a,"AG'], "unexpected end of data"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_where(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(ConfigError) as error:
        read_labels(file_of(tmp_path, *lines))
    assert message in str(error.value)
    assert "labels.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"labels\.csv has no column 'label': name it"):
        read_labels(file_of(tmp_path, "a", header="spectrum_id"))
    with pytest.raises(ConfigError, match=r"cannot read the labels .*nothing\.csv: No such file"):
        read_labels(str(tmp_path / "nothing.csv"))
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match=r"the labels .*cut\.parquet"):
        read_labels(str(tmp_path / "cut.parquet"))


def test_a_label_is_of_the_object_and_of_no_other(tmp_path: Path) -> None:
    """Objects: two visits, one labelled; two visits labelled differently, and a third; another."""
    names = pa.chunked_array([["a1", "a2", "b1", "b2", "b3", "c1"]])
    objects = np.array([0, 0, 1, 1, 1, 2])
    survey = np.array([0, -1, 0, 0, 0, 0])
    person = read_labels(file_of(tmp_path, "a1,AGN", "b1,AGN", "b2,other"))
    label, by_person = with_person(survey, names, objects, person)
    assert label.tolist() == [1, 1, 1, 0, 0, 0]
    assert by_person.tolist() == [True, True, True, True, False, False]
    same, nobody = with_person(survey, names, objects, NO_LABELS)
    assert same.tolist() == survey.tolist()
    assert not nobody.any()


def name_of(seed: int) -> str:
    return f"sdss-dr14-0266-51630-{seed + 1:04d}"


def rows_of(warehouse: Warehouse) -> pd.DataFrame:
    return pq.read_table(str(warehouse.table("sample"))).to_pandas().set_index("spectrum_id")


def test_a_person_wins_and_only_a_changed_file_has_anything_done(
    spark: SparkSession,
    spectra: Warehouse,
    run_of: RunOf,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # BROADLINE alone says neither: every fourth spectrum lacks a label.
    policy = {"label": {"other": ["", "STARFORMING"], "AGN": ["AGN"]}}

    def again(*lines: str) -> dict[str, object]:
        labels = file_of(tmp_path, *lines) if lines else None
        run = run_of("preprocess", preprocess={**policy, "labels": labels})
        return preprocess(spark, run, spectra)

    without = again()
    before = rows_of(spectra)
    assert (without["unlabelled"], without["labelled_by_person"]) == (6, 0)
    assert before.loc[name_of(2), "label_source"] is None
    assert before.loc[name_of(1), "label_source"] == "survey"

    lines = f"{name_of(1)},AGN", f"{name_of(2)},other", f"{name_of(100)},AGN"
    with_labels = again(*lines)
    after = rows_of(spectra)
    assert (with_labels["parts_moved"], with_labels["labelled_by_person"]) == (0, 2)
    assert with_labels["labelled"] == without["labelled"] + 1
    assert "1 spectra with a person's label are left out all the same" in caplog.text  # a star
    assert after.loc[[name_of(1), name_of(2)], "label"].tolist() == [1, 0]
    assert after.loc[[name_of(1), name_of(2)], "split"].notna().all()
    assert set(after.index[after["label_source"] == "person"]) == set(map(name_of, (1, 2, 100)))
    others = before.index.difference([name_of(1), name_of(2), name_of(100)])
    same = ["label", "split", "fold", "reason"]
    pd.testing.assert_frame_equal(after.loc[others, same], before.loc[others, same])

    assert not again(*lines)["changed"]
    assert not again(*reversed(lines))["changed"]
    assert again(lines[0])["labelled_by_person"] == 1
    assert "no longer used" not in caplog.text
    assert again()["labelled_by_person"] == 0
    assert "no longer used: --labels FILE takes them again" in caplog.text


def test_an_unknown_spectrum_stops_before_any_work(
    spark: SparkSession, spectra: Warehouse, run_of: RunOf, tmp_path: Path
) -> None:
    preprocess(spark, run_of("preprocess"), spectra)
    sample = spectra.parts("sample")
    labels = file_of(tmp_path, f"{name_of(1)},AGN", "sdss-dr99-1,AGN", "sdss-dr99-2,other")
    message = r"labels\.csv, line 3: no spectrum 'sdss-dr99-1' in .* \(nor 1 more\): correct it"
    with pytest.raises(ConfigError, match=message):
        preprocess(spark, run_of("preprocess", preprocess={"labels": labels}), spectra)
    assert spectra.parts("sample") == sample
