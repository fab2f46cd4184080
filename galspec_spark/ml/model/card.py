"""The content of ``card.json``: what a user of a model has to know."""

from __future__ import annotations

import platform
from importlib.metadata import version

import pyspark
from pydantic import Field, JsonValue

from galspec_spark.config import LabelConfig
from galspec_spark.harness.run import Run
from galspec_spark.ml.evaluation.calibration import Calibration, Threshold
from galspec_spark.ml.evaluation.metrics import Counts, Metrics, Record, Result
from galspec_spark.ml.search.compare import Trained
from galspec_spark.spectrum.grid import GRID_ID, LOGLAM0, LOGLAM_STEP, PIXELS

HOW_TO_USE = (
    "import numpy; from pyspark.ml import PipelineModel; from pyspark.sql import functions as F",
    "from pyspark.ml.functions import array_to_vector",
    "model = PipelineModel.load('model/pipeline')",
    "fill = numpy.load('model/fill_spectrum.npy').tolist()  # for the gaps: pixels of ivar 0",
    "gaps = F.zip_with('ivar', F.lit(fill), lambda ivar, fill: F.when(ivar == 0, fill))",
    "filled = F.zip_with(gaps, 'flux', lambda gap, flux: F.coalesce(gap, flux))",
    "spectrum = array_to_vector(filled)",
    "spectra = restframe.where('flux is not null').withColumn('spectrum', spectrum)",
    "classified = model.transform(spectra)  # prediction: 1 is AGN, 0 another galaxy",
)


class Grid(Record):
    """The wavelength grid of the spectra: log10(Angstrom) = loglam0 + step * pixel."""

    id: str
    loglam0: float
    step: float
    pixels: int


class Recipe(Record):
    """The configuration of the run: a record, which later versions need not understand."""

    preprocess: dict[str, JsonValue]
    train: dict[str, JsonValue]


class TrainingData(Record):
    """What the model learned from."""

    surveys: str = Field(description="surveys and releases")
    fingerprint: str = Field(description="of the spectra, labels and splits")
    counts: Counts


class Versions(Record):
    """What the model was made with."""

    python: str
    pyspark: str
    numpy: str


class Card(Record):
    """What a user of a model has to know."""

    classifier: str
    components: tuple[int, ...]
    chosen_by: str
    how_to_use: tuple[str, ...]
    grid: Grid
    label_policy: LabelConfig
    normalisation: str
    projection: str
    calibration: Calibration
    threshold: Threshold
    recipe: Recipe
    data: TrainingData
    metrics: Result
    version: str
    run_id: str
    config_hash: str
    versions: Versions
    files: dict[str, str] = Field({}, description="SHA-256 of each other file of the folder")


def card_of(run: Run, trained: Trained, metrics: Metrics, fingerprint: str) -> Card:
    """Return the card of the best model, whose folder is not written yet."""
    config = run.config
    return Card(
        classifier=trained.classifier,
        components=tuple(trained.components),
        chosen_by="best cross-validated F1 of the AGN class; of equals the simplest",
        how_to_use=HOW_TO_USE,
        grid=Grid(id=GRID_ID, loglam0=LOGLAM0, step=LOGLAM_STEP, pixels=PIXELS),
        label_policy=config.preprocess.label,
        normalisation=config.preprocess.normalise,
        projection=config.train.projection,
        calibration=trained.calibration,
        threshold=trained.threshold,
        recipe=Recipe(
            preprocess=config.preprocess.model_dump(mode="json"),
            train=config.train.model_dump(mode="json"),
        ),
        data=TrainingData(surveys=metrics.data, fingerprint=fingerprint, counts=metrics.counts),
        metrics=metrics.best_result,
        **run.columns(),
        versions=Versions(
            python=platform.python_version(),
            pyspark=pyspark.__version__,
            numpy=version("numpy"),
        ),
    )
