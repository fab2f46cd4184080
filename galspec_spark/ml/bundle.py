"""The model folder: a pipeline that stock pyspark loads, and a card that says what it is."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyspark
from pyspark.ml import PipelineModel
from pyspark.ml.feature import PCAModel

from galspec_spark.ml.classifiers import FEATURES, SIMPLEST_FIRST
from galspec_spark.ml.compare import COMPONENTS, Trained
from galspec_spark.provenance import Run, write_json
from galspec_spark.spectrum.grid import GRID_ID, LOGLAM0, LOGLAM_STEP, PIXELS

PIPELINE, CARD, FILL_SPECTRUM = "pipeline", "card.json", "fill_spectrum.npy"

HOW_TO_USE = [
    "from pyspark.ml import PipelineModel; from pyspark.ml.functions import array_to_vector",
    "model = PipelineModel.load('model/pipeline')",
    "spectra = restframe.where('flux is not null').withColumn('spectrum', array_to_vector('flux'))",
    "classified = model.transform(spectra)  # prediction: 1 is AGN, 0 another galaxy",
]


def best_model(trained: Sequence[Trained]) -> Trained:
    """Return the one with the best cross-validated F1 of the AGN class; of equals, the simplest.

    Not the weighted F1: it hardly tells a model that finds the rare class from one that does not.
    """
    return max(
        trained,
        key=lambda one: (
            one.result["cv_agn_f1"] or 0.0,
            -len(one.features.components),
            -SIMPLEST_FIRST.index(one.classifier),
        ),
    )


def pipeline_of(pca: PCAModel, trained: Trained) -> PipelineModel:
    """Return the steps from the column ``spectrum`` (vector) to ``prediction``, all stock."""
    is_all = trained.features.components == list(range(pca.getK()))
    first = pca.copy().setInputCol("spectrum").setOutputCol(FEATURES if is_all else COMPONENTS)
    between = [] if is_all else [trained.features.slicer()]
    return PipelineModel([first, *between, trained.model])


def card_of(
    run: Run, trained: Trained, metrics: Mapping[str, Any], fingerprint: str
) -> dict[str, Any]:
    """Return what a user of the model has to know, as JSON."""
    config = run.config
    return {
        "classifier": trained.classifier,
        "components": trained.features.components,
        "chosen_by": "best cross-validated F1 of the AGN class; of equals the simplest",
        "how_to_use": HOW_TO_USE,
        "grid": {"id": GRID_ID, "loglam0": LOGLAM0, "step": LOGLAM_STEP, "pixels": PIXELS},
        "label_policy": config.preprocess.label.model_dump(mode="json"),
        "normalisation": config.preprocess.normalise,
        "recipe": {
            "preprocess": config.preprocess.model_dump(mode="json"),
            "train": config.train.model_dump(mode="json"),
        },
        "data": {
            "surveys": metrics["data"],
            "fingerprint": fingerprint,
            "counts": metrics["counts"],
        },
        "metrics": trained.result,
        **run.columns(),
        "versions": {
            "python": platform.python_version(),
            "pyspark": pyspark.__version__,
            "numpy": version("numpy"),
        },
    }


def write_bundle(
    folder: Path,
    pipeline: PipelineModel,
    card: Mapping[str, Any],
    fill_spectrum: npt.NDArray[np.floating] | None,
) -> None:
    """Write the model folder under a temporary name, then put it in the place of an earlier one.

    Parameters
    ----------
    fill_spectrum
        What the gaps of a spectrum were filled with, shape (PIXELS,), if it is known.
    """
    new, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("new", "old"))
    try:
        new.mkdir(parents=True)
        # As a URI: the default file system of a cluster is another one.
        pipeline.save((new / PIPELINE).absolute().as_uri())
        if fill_spectrum is not None:
            np.save(new / FILL_SPECTRUM, fill_spectrum)
        has_fill = None if fill_spectrum is None else FILL_SPECTRUM
        write_json(new / CARD, {**card, "fill_spectrum": has_fill})
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
