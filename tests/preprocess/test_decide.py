"""All decisions together: no object in two splits, now or after any later release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from galspec_spark.harness.run import Run
from galspec_spark.preprocess.decide import Decided, decide
from galspec_spark.preprocess.person_labels import NO_LABELS
from galspec_spark.preprocess.renew import IDENTITY, UNDECIDED
from galspec_spark.warehouse.schemas import SAMPLE
from tests.warehouses import with_columns

RunOf = Callable[..., Run]
NOTHING = SAMPLE.empty_table()


def observations(objects: range, visits: int = 2) -> pa.Table:
    """Return spectra of objects, every seventh an AGN, each observed several times."""
    rows: list[dict[str, Any]] = [
        {
            "spectrum_id": f"s{i:04d}-{visit}",
            "survey_object_id": f"o{i}",
            "subclass": "AGN" if i % 7 == 0 else "",
            "z": 0.1,
            "part": "part",
        }
        for i in objects
        for visit in range(visits)
    ]
    return with_columns(pa.Table.from_pylist(rows), SAMPLE, {}).select(UNDECIDED)


def decided(rows: pa.Table, run_of: RunOf, before: pa.Table = NOTHING, **settings: Any) -> Decided:
    run = run_of(preprocess=settings)
    return decide(rows, before.select(IDENTITY), run.config.preprocess, NO_LABELS, run)


def frame(found: Decided) -> pd.DataFrame:
    return found.rows.to_pandas().set_index("spectrum_id")


def test_no_object_is_in_two_splits_or_folds(run_of: RunOf) -> None:
    rows = frame(decided(observations(range(3000)), run_of, folds=4))
    assert (rows.groupby("object_id")["split"].nunique() == 1).all()
    assert (rows.groupby("object_id")["fold"].nunique() <= 1).all()
    assert (rows.groupby("object_id").size() == 2).all()
    test = rows[rows["split"] == "test"]
    assert len(test) / len(rows) == pytest.approx(0.2, abs=0.03)  # four standard deviations
    assert test["label"].mean() == pytest.approx(1 / 7, abs=0.06)
    assert test["fold"].isna().all()
    sizes = rows[rows["split"] == "train"].groupby("fold").size()
    assert sorted(sizes.index) == [0, 1, 2, 3]
    assert sizes.max() - sizes.min() < 300


def test_no_object_moves_when_the_survey_grows(run_of: RunOf) -> None:
    """More objects, more visits to old ones, and names that sort before theirs."""
    first = decided(observations(range(500, 1000)), run_of)
    before = frame(first)
    second = decided(observations(range(0, 1500), visits=3), run_of, before=first.rows)
    after = frame(second)
    assert len(after) == 4500
    for column in ("object_id", "split", "fold", "first_seen", "label"):
        pd.testing.assert_series_equal(after.loc[before.index, column], before[column])
    assert (after.groupby("object_id")["split"].nunique() == 1).all()
    assert second.joined == 0


def test_an_object_that_is_two_moves_to_the_older_and_is_counted(run_of: RunOf) -> None:
    first = decided(observations(range(2)), run_of)
    rows = observations(range(2)).to_pylist()
    both = [
        {**rows[0], "spectrum_id": f"t{i}", "survey_object_id": f"o{i}", "ra": 1.0, "dec": 1.0}
        for i in range(2)
    ]
    second = decided(
        pa.Table.from_pylist(rows + both, observations(range(1)).schema), run_of, first.rows
    )
    assert second.joined == 1
    assert set(frame(second)["object_id"]) == {"s0000-0"}


def test_left_out_and_unlabelled_spectra_have_no_split(run_of: RunOf) -> None:
    rows = observations(range(40)).to_pandas()
    rows.loc[0, "z"], rows.loc[3, "subclass"] = 0.9, "K5"
    found = frame(decided(pa.Table.from_pandas(rows, observations(range(1)).schema), run_of))
    assert found["reason"].iloc[0] == "z_range"
    assert found["split"].iloc[[0, 3]].isna().all()
    assert found["label"].isna().tolist() == [i == 3 for i in range(80)]
    assert found["split"].notna().sum() == 78
    assert (found["split"].isna() == found["fold"].isna())[found["split"] != "test"].all()


def test_an_order_of_rows_changes_nothing(run_of: RunOf) -> None:
    rows = observations(range(100))
    shuffled = rows.take(np.random.default_rng(1).permutation(len(rows)))
    first, second = (frame(decided(table, run_of)) for table in (rows, shuffled))
    columns = ["object_id", "observations", "is_primary", "label", "split", "fold"]
    pd.testing.assert_frame_equal(second.sort_index()[columns], first.sort_index()[columns])


def test_the_draw_leaves_the_others_out(run_of: RunOf) -> None:
    found = frame(decided(observations(range(100)), run_of, sample=50))
    assert (found["reason"] == "not_drawn").sum() == 150
    assert found["split"].notna().sum() == 50
