"""Everything that a search tried, as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

from galspec_spark.ml.evaluation.scores import against_rest, classification_scores
from galspec_spark.ml.search.compare import Tried

#: Counts of AGN against all others.
CELLS = ("tn", "fp", "fn", "tp")
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("kind", "features", "classifier", "origin")),
        ("point", pa.int32()),
        ("n_features", pa.int32()),
        ("hyperparameters", pa.string()),
        *((name, pa.int64()) for name in ("fold", *CELLS)),
        *((name, pa.float64()) for name in ("f1", "agn_f1", "mcc", "seconds")),
    ]
)


def search_table(tried: Sequence[Tried], kind: str, features: str) -> pa.Table:
    """Return one row for each point and fold of a search: its settings, scores and seconds."""
    rows = [
        {
            "kind": kind,
            "features": features,
            "classifier": each.trial.classifier,
            "origin": each.point.origin,
            "point": number,
            "n_features": each.point.n_features,
            "hyperparameters": json.dumps(each.trial.hyperparameters),
            "fold": fold,
            **dict(zip(CELLS, against_rest(counts).ravel().tolist(), strict=True)),
            **{key: classification_scores(counts)[key] for key in ("f1", "agn_f1", "mcc")},
            "seconds": each.trial.seconds[fold],
        }
        for number, each in enumerate(tried)
        for fold, counts in sorted(each.trial.confusions.items())
    ]
    return pa.Table.from_pylist(rows, SCHEMA)
