"""The objects of the test split that the best models take for what they are not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from galspec_spark.ml.evaluation.metrics import Metrics, Result
from galspec_spark.report.contents import feature_text, title
from galspec_spark.report.headline import best_of_pixels
from galspec_spark.report.mistakes import FILE, MISSED, MISTAKES, WRONG
from galspec_spark.warehouse.parts import open_part
from galspec_spark.warehouse.storage import Location
from galspec_spark.warehouse.tables import Warehouse

MARGIN = "formula_margin"


def find_mistakes(warehouse: Warehouse, predictions: pa.Table, metrics: Metrics) -> pa.Table:
    """Return the AGN that were missed and the others that were called AGN.

    They are those of the saved model and of the best that sees no measured line.

    Parameters
    ----------
    predictions
        From `galspec_spark.ml.search.scorecard.predict`, in the order of the results.

    Returns
    -------
    Table
        Rows of `MISTAKES`, model by model, the missed before the others, the surest first.
    """
    models = [each for each in (metrics.best_result, best_of_pixels(metrics)) if each]
    found = pa.concat_tables(_mistakes_of(model, predictions, metrics) for model in models)
    margins = _margins(warehouse, found["spectrum_id"])
    return found.append_column(MARGIN, margins).select(MISTAKES.names).cast(MISTAKES)


def _mistakes_of(model: Result, predictions: pa.Table, metrics: Metrics) -> pa.Table:
    place, names = metrics.results.index(model), pa.array(metrics.classes)
    agn = len(names) - 1
    is_agn, called = (pc.equal(predictions[name], agn) for name in ("label", f"prediction_{place}"))
    rows = predictions.filter(pc.xor(is_agn, called))
    is_missed = pc.equal(rows["label"], agn)
    probability = rows[f"probability_{place}"]
    found = pa.table(
        {
            "spectrum_id": rows["spectrum_id"],
            "model": pa.repeat(f"{title(model.classifier)}, {feature_text(model)}", len(rows)),
            "mistake": pc.if_else(is_missed, MISSED, WRONG),
            "label": _named(rows["label"], names),
            "called": _named(rows[f"prediction_{place}"], names),
            "probability": probability,
            "called_at_threshold": _named(rows[f"called_{place}"], names),
            "z": rows["z"],
            "sn_median": rows["sn_median"],
            "doubt": pc.if_else(is_missed, probability, pc.subtract(1.0, probability)),
        }
    )
    order = [("mistake", "ascending"), ("doubt", "ascending"), ("spectrum_id", "ascending")]
    return found.sort_by(order)


def write_mistakes(mistakes: pa.Table, output: Path) -> None:
    """Write the rows as a CSV file, without any where there are none."""
    content = pa.BufferOutputStream()
    pa_csv.write_csv(mistakes, content, pa_csv.WriteOptions(quoting_style="needed"))
    Location.of(output / FILE).write(content.getvalue().to_pybytes())


def _named(labels: pa.ChunkedArray, names: pa.Array) -> pa.ChunkedArray:
    return pc.take(names, labels.cast(pa.int32()))


def _margins(warehouse: Warehouse, names: pa.ChunkedArray) -> pa.Array:
    """Return the margins of the formula, null where lines were not measured."""
    measured: dict[str, float | None] = {}
    for part in warehouse.parts("lines"):
        file = open_part(part)
        rows = file.read(["spectrum_id", MARGIN])
        rows = rows.filter(pc.is_in(rows["spectrum_id"], names.combine_chunks()))
        measured |= dict(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))
    return pa.array([measured.get(name) for name in names.to_pylist()], pa.float64())
