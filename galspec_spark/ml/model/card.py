"""The content of ``card.json``: what a user of a model needs to know."""

from __future__ import annotations

from pydantic import Field, JsonValue

from galspec_spark.config import LabelConfig
from galspec_spark.ml.evaluation.calibration import Calibration, Threshold
from galspec_spark.ml.evaluation.metrics import Counts, Result
from galspec_spark.ml.evaluation.prediction_sets import PredictionSets
from galspec_spark.ml.evaluation.record import Record


class Grid(Record):
    """The wavelength grid of the spectra: log10(Angstrom) = loglam0 + step * pixel."""

    id: str
    loglam0: float
    step: float
    pixels: int


class Recipe(Record):
    """The configuration of the run, as a record that later versions need not understand."""

    preprocess: dict[str, JsonValue]
    train: dict[str, JsonValue]


class TrainingData(Record):
    """The data that the model learned from."""

    surveys: str = Field(description="surveys and releases")
    fingerprint: str = Field(description="of the spectra, labels and splits")
    counts: Counts


class Versions(Record):
    """Versions of the software that made the model."""

    python: str
    pyspark: str
    numpy: str


class Card(Record):
    """What a user of a model needs to know."""

    classifier: str
    features: str = Field(description="kind of the features")
    selected: tuple[int, ...] = Field(description="indices of the features, most important first")
    chosen_by: str
    how_to_use: tuple[str, ...]
    grid: Grid
    label_policy: LabelConfig
    normalisation: str
    calibration: Calibration = Field(description="of the score of AGN")
    other_calibrations: tuple[Calibration, ...] = Field(
        (), description="of the other classes, each against all; none with two classes"
    )
    threshold: Threshold
    prediction_sets: PredictionSets
    recipe: Recipe
    data: TrainingData
    metrics: Result
    version: str
    run_id: str
    config_hash: str
    versions: Versions
    files: dict[str, str] = Field({}, description="SHA-256 of each other file of the folder")
