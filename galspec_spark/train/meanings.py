"""What is said of the columns of the tables that a training run writes."""

from __future__ import annotations

from galspec_spark.ml.features.kind import RECONSTRUCTION_ERROR
from galspec_spark.warehouse.columns import Column, meaning_of
from galspec_spark.warehouse.fields import PROVENANCE
from galspec_spark.warehouse.schemas import CATALOG

_OF_CATALOG = (
    "spectrum_id", "object_id", "label", "z", "sn_median", "probability", RECONSTRUCTION_ERROR,
)  # fmt: skip
_STORED = [*(CATALOG.field(name) for name in _OF_CATALOG), *PROVENANCE]

#: By name; a name has one meaning in all of these tables.
MEANINGS = {
    **{field.name: meaning for field in _STORED if (meaning := meaning_of(field))},
    "classifier": Column("Classifier", "meta.id;meta.modelled"),
    "kind": Column("Kind of features", "meta.code.class"),
    "features": Column("Set of features: all, or the selected ones", "meta.code.class"),
    "origin": Column("Where the settings come from", "meta.note"),
    "point": Column("Number of the settings that were tried", "meta.id"),
    "n_features": Column("Number of features", "meta.number"),
    "hyperparameters": Column("Settings of the classifier: JSON", "stat.fit.param"),
    "fold": Column("Fold that was left out, which the scores are of", "meta.code.class"),
    "tn": Column("Others that are called other", "meta.number"),
    "fp": Column("Others that are called AGN", "meta.number"),
    "fn": Column("AGN that are called other", "meta.number"),
    "tp": Column("AGN that are called AGN", "meta.number"),
    "f1": Column("F1, weighted by class", "stat.value"),
    "agn_f1": Column("F1 of AGN", "stat.value"),
    "mcc": Column("Matthews correlation coefficient", "stat.correlation"),
    "seconds": Column("Time of the fit", "time.duration", "s"),
    "score": Column("Score of AGN that the classifier gives", "stat.value"),
    "scores": Column("Score of each class that the classifier gives", "stat.value"),
    "prediction": Column("Label that the stock model predicts", "src.class"),
    "called": Column("Label by the chosen threshold", "src.class"),
    "probabilities": Column("Calibrated probability of each class", "stat.probability"),
}
