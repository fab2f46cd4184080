"""Write the model folder: the best model's pipeline, features, profile and card."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyspark
from pyspark.ml import PipelineModel
from pyspark.ml.feature import VectorSlicer

from galspec_spark.harness.run import Run
from galspec_spark.labels import Classes
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.evaluation.metrics import Counts, Metrics, Result
from galspec_spark.ml.features import FEATURES as KINDS
from galspec_spark.ml.features.kind import Features
from galspec_spark.ml.labelled.features import ALL_FEATURES
from galspec_spark.ml.model.bundle import (
    CARD,
    FEATURES_FOLDER,
    FILL_SPECTRUM,
    PIPELINE,
    PROFILE,
    checksum_of,
    checksums,
)
from galspec_spark.ml.model.card import Card, Grid, Recipe, TrainingData, Versions
from galspec_spark.ml.model.profile import Profile
from galspec_spark.ml.model.training_objects import write_training_objects
from galspec_spark.ml.search.compare import Trained
from galspec_spark.ml.search.settings import FEATURES
from galspec_spark.spectrum.grid import GRID_ID, LOGLAM0, LOGLAM_STEP, PIXELS
from galspec_spark.warehouse.storage import write_json

HOW_TO_USE = (
    "import numpy; from pyspark.ml import PipelineModel; from pyspark.sql import functions as F",
    "from pyspark.ml.functions import array_to_vector",
    "model = PipelineModel.load('model/pipeline')",
    "fill = numpy.load('model/fill_spectrum.npy').tolist()  # for the gaps: pixels of ivar 0",
    "gaps = F.zip_with('ivar', F.lit(fill), lambda ivar, fill: F.when(ivar == 0, fill))",
    "filled = F.zip_with(gaps, 'flux', lambda gap, flux: F.coalesce(gap, flux))",
    "spectrum = array_to_vector(filled)",
    "spectra = restframe.where('flux is not null').withColumn('spectrum', spectrum)",
    "classified = model.transform(spectra)  # prediction: {labels}",
)
#: The same for features that stock Spark cannot compute.
FROM_FEATURES = (
    "from pyspark.ml import PipelineModel",
    "model = PipelineModel.load('model/pipeline')",
    "# features: the column 'features' of the table catalog, as a vector named 'all_features'",
    "classified = model.transform(features)  # prediction: {labels}",
)


def _how_to_use(trained: Trained, classes: Classes) -> tuple[str, ...]:
    *others, agn = (f"{label} is {name}" for label, name in enumerate(classes.names))
    lines = HOW_TO_USE if KINDS[trained.features.kind].native_steps else FROM_FEATURES
    return (*lines[:-1], lines[-1].format(labels=", ".join((agn, *others))))


def _warnings(counts: Counts) -> tuple[str, ...]:
    if not counts.simulated:
        return ()
    return (
        f"# Simulated data: {counts.simulated:,} of the {counts.spectra:,} spectra were made by "
        "galspec simulate; the scores say nothing of real galaxies.",
    )


def best_model(trained: Sequence[Trained], results: Sequence[Result]) -> int:
    """Return the index of the best cross-validated F1 of the AGN class; of equals, the simplest.

    The weighted F1 would not do: a model that never finds the rare class hardly lowers it.
    """
    simplest_first = list(CLASSIFIERS)
    return max(
        range(len(trained)),
        key=lambda i: (
            results[i].cv_agn_f1 or 0.0,
            -len(trained[i].selected),
            -simplest_first.index(trained[i].classifier),
        ),
    )


def pipeline_of(features: Features, trained: Trained) -> PipelineModel:
    """Return stock steps that end in ``prediction``.

    They start from the column ``spectrum`` (vector) if Spark can compute the features, and
    otherwise from the column ``all_features`` (vector).
    """
    kind = KINDS[trained.features.kind]
    steps = kind.resolve(kind.native_steps)(features) if kind.native_steps else []
    is_all = trained.selected == list(range(len(features.names)))
    if steps and is_all:
        steps[-1].setOutputCol(FEATURES)
        return PipelineModel([*steps, trained.model])
    if steps:
        steps[-1].setOutputCol(ALL_FEATURES)
    slicer = VectorSlicer(inputCol=ALL_FEATURES, outputCol=FEATURES, indices=trained.selected)
    return PipelineModel([*steps, slicer, trained.model])


def write_bundle(
    folder: Path,
    pipeline: PipelineModel,
    card: Card,
    profile: Profile,
    features: Features,
    fill_spectrum: npt.NDArray[np.float32],
    training: pa.Table,
) -> None:
    """Write the model folder under a temporary name, then replace an earlier folder with it.

    Parameters
    ----------
    card
        Written with the checksums of the other files.
    training
        The objects that the model learned from, of `read_training_objects`.
    """
    with _replacing(folder) as new:
        (new / FEATURES_FOLDER).mkdir(parents=True)
        # As a URI: a cluster has another default file system.
        pipeline.save((new / PIPELINE).absolute().as_uri())
        features.save(new / FEATURES_FOLDER)
        np.save(new / FILL_SPECTRUM, fill_spectrum, allow_pickle=False)
        write_json(new / PROFILE, profile)
        write_training_objects(training, new)
        content = card.model_copy(update={"files": checksums(new)}).model_dump(mode="json")
        write_json(new / CARD, {**content, "checksum": checksum_of(content)})


def copy_bundle(source: Path, folder: Path) -> None:
    """Copy a whole model folder, replacing an earlier folder."""
    with _replacing(folder) as new:
        shutil.copytree(source, new, symlinks=True)  # links stay what no model folder may have


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, then move it to the place of `folder`."""
    new, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("new", "old"))
    try:
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        for leftover in (new, old):
            if leftover.is_symlink():  # the folder was given by a link
                leftover.unlink()
            shutil.rmtree(leftover, ignore_errors=True)


def card_of(run: Run, trained: Trained, metrics: Metrics, fingerprint: str) -> Card:
    """Return the card of the best model, whose folder is not written yet."""
    config = run.config
    return Card(
        classifier=trained.classifier,
        features=trained.features.kind,
        selected=tuple(trained.selected),
        chosen_by="best cross-validated F1 of the AGN class; of equals the simplest",
        how_to_use=(
            *_warnings(metrics.counts),
            *_how_to_use(trained, config.preprocess.label.classes),
        ),
        grid=Grid(id=GRID_ID, loglam0=LOGLAM0, step=LOGLAM_STEP, pixels=PIXELS),
        label_policy=config.preprocess.label,
        normalisation=config.preprocess.normalise,
        calibration=trained.calibration,
        other_calibrations=trained.other_calibrations,
        threshold=trained.threshold,
        prediction_sets=trained.prediction_sets,
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
