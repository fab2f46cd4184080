"""What the study of planted changes counts."""

from __future__ import annotations

import pyarrow as pa

from studies.diff.planted import score


def test_found_right_and_false_changes_are_counted() -> None:
    changes = {
        "a": "flux", "b": "mask", "c": "failed",
        "d": "vanished", "e": "label",
    }  # fmt: skip
    rows = [
        {"key": "a", "kind": "flipped", "cause": "flux"},
        {"key": "b", "kind": "changed", "cause": "flux"},
        {"key": "c", "kind": "flipped", "cause": "flux"},
        {"key": "d", "kind": "vanished", "cause": None},
        {"key": "x", "kind": "changed", "cause": "lines"},
    ]
    found = score(changes, pa.Table.from_pylist(rows), {"in_both": 104})
    assert found["planted"] == dict.fromkeys(["flux", "mask", "failed", "vanished", "label"], 1)
    assert found["found_with_cause"] == {
        "flux": 1,
        "mask": 0,
        "failed": 1,
        "vanished": 1,
        "label": 0,
    }
    assert (found["found"], found["not_planted"], found["false_share"]) == (0.8, 100, 0.01)
