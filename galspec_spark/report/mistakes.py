"""Which objects were missed and which were called wrongly: the table, and its file's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

#: The complete list, beside the report.
FILE = "mistakes.csv"
MISSED, WRONG = "missed", "wrongly called AGN"
#: A row is a spectrum of the test split and a model. ``called`` is by the classifier's own
#: threshold, as in Table 1, ``called_at_threshold`` by the chosen one; ``formula_margin`` is null
#: without lines.
MISTAKES = pa.schema(
    [
        pa.field("spectrum_id", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("mistake", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("called", pa.string(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
        pa.field("called_at_threshold", pa.string(), nullable=False),
        pa.field("formula_margin", pa.float64()),
        pa.field("z", pa.float64()),
        pa.field("sn_median", pa.float64()),
    ]
)
SHOWN = 10  #: of each group


@dataclass(frozen=True)
class Group:
    """Mistakes of one kind that a model makes."""

    model: str
    name: str
    count: int
    rows: Sequence[Mapping[str, Any]]  #: the first of them, each with its ``address`` in the viewer


def groups(mistakes: pa.Table) -> list[Group]:
    """Return the mistakes of each model and kind as the page shows them; none of an empty group."""
    found = []
    for model in pc.unique(mistakes["model"]).to_pylist():
        of_model = mistakes.filter(pc.equal(mistakes["model"], model))
        for name in (MISSED, WRONG):
            rows = of_model.filter(pc.equal(of_model["mistake"], name))
            shown = rows.slice(0, SHOWN).to_pylist()
            addressed = [{**row, "address": viewer_address(row["spectrum_id"])} for row in shown]
            found += [Group(model, name, len(rows), addressed)] if len(rows) else []
    return found


def viewer_address(spectrum_id: str) -> str:
    """Return the place of a spectrum in ``spectra.html``, as its script encodes names."""
    return "spectra.html#" + quote(spectrum_id, safe="!'()*-._~")
