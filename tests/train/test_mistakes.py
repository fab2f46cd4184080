"""Mistakes are those of the confusion matrices, the surest first."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest

from galspec_spark.report.contents import TrainingReport
from galspec_spark.train.mistakes import FILE, find_mistakes, write_mistakes
from galspec_spark.warehouse.tables import Warehouse
from tests.report.conftest import full_report  # noqa: F401 - a fixture
from tests.report.reading import changed

#: Of two models: labels, and probabilities of AGN.
LABELS = (1, 1, 1, 0, 0, 0)
FORMULA, PIXELS = (0.9, 0.9, 0.9, 0.1, 0.8, 0.1), (0.4, 0.9, 0.2, 0.1, 0.6, 0.7)


@pytest.fixture
def predictions() -> pa.Table:
    """Return what the best without lines and the formula say."""
    n = len(LABELS)
    columns: dict[str, Sequence[object]] = {
        "spectrum_id": [f"sdss-dr14-0266-51630-{number:04d}" for number in range(n)],
        "label": LABELS,
        "z": [0.1] * n,
        "sn_median": [None, *[9.0] * (n - 1)],
    }
    for place, values in ((2, PIXELS), (6, FORMULA)):
        columns |= {
            f"probability_{place}": values,
            f"prediction_{place}": [float(value > 0.5) for value in values],
            f"called_{place}": [int(value > 0.65) for value in values],
        }
    return pa.table(columns)


def test_mistakes_of_the_saved_model_and_of_the_best_without_lines(
    full_report: TrainingReport,  # noqa: F811
    predictions: pa.Table,
    tmp_path,
) -> None:
    metrics = changed(full_report, best=6).metrics
    found = find_mistakes(Warehouse(tmp_path), predictions, metrics)
    rows = [
        (row["model"].split(",")[0], row["mistake"], row["spectrum_id"][-1], row["called"],
         row["called_at_threshold"])
        for row in found.to_pylist()
    ]  # fmt: skip
    assert rows == [
        ("SDSS’s formula", "wrongly called AGN", "4", "AGN", "AGN"),
        ("linear SVM", "missed", "2", "other", "other"),
        ("linear SVM", "missed", "0", "other", "other"),
        ("linear SVM", "wrongly called AGN", "5", "AGN", "AGN"),
        ("linear SVM", "wrongly called AGN", "4", "AGN", "other"),
    ]
    assert found["formula_margin"].null_count == len(found)
    write_mistakes(found, tmp_path)
    assert len((tmp_path / FILE).read_text().splitlines()) == 1 + len(found)
