"""The type of ``metrics.json``, and its schema."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from galspec_spark.ml.evaluation.bootstrap import SCORES
from galspec_spark.ml.evaluation.metrics import Bin, Intervals, Result, schema
from tests.report import sample
from tests.submit import ROOT


def test_the_schema_in_docs_is_that_of_the_type():
    """Write it anew with ``galspec_spark.ml.evaluation.metrics.schema``."""
    assert (ROOT / "docs" / "metrics.schema.json").read_text("utf-8") == schema()


def test_the_schema_allows_no_other_keys_and_describes_the_bins():
    types = json.loads(schema())
    assert types["additionalProperties"] is False
    assert {"classifier", "features", "precision", "agn_f1"} <= set(
        types["$defs"]["Result"]["required"]
    )
    assert types["$defs"]["Bin"]["additionalProperties"] == {"$ref": "#/$defs/BinScores"}


def test_a_result_is_written_as_it_was_read():
    content = sample.result("linear_svc", "all 20", [2, 0], 14, 6)
    assert Result.model_validate(content).model_dump(mode="json") == content


def test_every_score_of_the_bootstrap_has_an_interval():
    assert set(SCORES) == set(Intervals.model_fields)


@pytest.mark.parametrize(
    "change", [{"more": 1}, {"f1": float("nan")}, {"f1": None}, {"confusion": [[1, 2]]}]
)
def test_what_does_not_belong_is_refused(change):
    with pytest.raises(ValidationError):
        Result.model_validate(sample.result("linear_svc", "all 20", [0], 14, 6) | change)


def test_scores_of_a_bin_are_found_by_the_index_of_the_result():
    (first, *_) = sample.bins(2)["z"]
    first["prediction_1"] = first["prediction_1"] | {"agn_f1": 0.25}
    found = Bin.model_validate(first)
    assert (found.scores(0).agn_f1, found.scores(1).agn_f1) == (0.66, 0.25)
    assert found.model_dump(mode="json") == first
    with pytest.raises(ValidationError):
        Bin.model_validate(first | {"prediction_2": {"agn_f1": 0.5}})
