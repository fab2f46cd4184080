"""The model folder: a pipeline that stock pyspark loads, and a card that says what it is."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyspark
from pyspark.ml import PipelineModel

from galspec_spark import __version__
from galspec_spark.errors import UserError
from galspec_spark.harness.run import Run
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import Scorer
from galspec_spark.ml.classifiers.settings import FEATURES
from galspec_spark.ml.evaluation.calibration import Calibration
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.pca import native_model
from galspec_spark.ml.features.projection import COMPONENTS
from galspec_spark.ml.model.profile import Profile
from galspec_spark.ml.model.saved import read_pipeline
from galspec_spark.ml.search.compare import Trained
from galspec_spark.ml.search.search import slicer
from galspec_spark.spectrum.grid import GRID_ID, LOGLAM0, LOGLAM_STEP, PIXELS
from galspec_spark.warehouse.storage import write_json

PIPELINE, CARD = "pipeline", "card.json"
FILL_SPECTRUM, MEAN_SPECTRUM = "fill_spectrum.npy", "mean_spectrum.npy"
PROFILE = "profile.json"

HOW_TO_USE = [
    "from pyspark.ml import PipelineModel; from pyspark.ml.functions import array_to_vector",
    "model = PipelineModel.load('model/pipeline')",
    "spectra = restframe.where('flux is not null').withColumn('spectrum', array_to_vector('flux'))",
    "classified = model.transform(spectra)  # prediction: 1 is AGN, 0 another galaxy",
]


@dataclass(frozen=True)
class Bundle:
    """A model folder that was checked and read."""

    id: str  #: 12 hexadecimal digits: those of the card's checksum
    card: dict[str, Any]
    components: Components
    classifier: Scorer  #: of the coefficients
    fill_spectrum: npt.NDArray[np.float32]  #: of gaps, (PIXELS,)
    calibration: Calibration  #: from the score to a probability
    threshold: float  #: a spectrum with this probability or more is AGN
    profile: Profile  #: of the training set


def best_model(trained: list[Trained], results: list[dict[str, Any]]) -> int:
    """Return which has the best cross-validated F1 of the AGN class; of equals, the simplest.

    Not the weighted F1: it hardly tells a model that finds the rare class from one that does not.
    """
    simplest_first = list(CLASSIFIERS)
    return max(
        range(len(trained)),
        key=lambda i: (
            results[i]["cv_agn_f1"] or 0.0,
            -len(trained[i].components),
            -simplest_first.index(trained[i].classifier),
        ),
    )


def pipeline_of(components: Components, trained: Trained) -> PipelineModel:
    """Return the steps from the column ``spectrum`` (vector) to ``prediction``, all stock."""
    pca = native_model(components).setInputCol("spectrum")
    is_all = trained.components == list(range(len(components.vectors)))
    if is_all:
        return PipelineModel([pca.setOutputCol(FEATURES), trained.model])
    return PipelineModel([pca.setOutputCol(COMPONENTS), slicer(trained.components), trained.model])


def card_of(
    run: Run, trained: Trained, metrics: Mapping[str, Any], fingerprint: str
) -> dict[str, Any]:
    """Return what a user of the model has to know, as JSON."""
    config = run.config
    return {
        "classifier": trained.classifier,
        "components": trained.components,
        "chosen_by": "best cross-validated F1 of the AGN class; of equals the simplest",
        "how_to_use": HOW_TO_USE,
        "grid": {"id": GRID_ID, "loglam0": LOGLAM0, "step": LOGLAM_STEP, "pixels": PIXELS},
        "label_policy": config.preprocess.label.model_dump(mode="json"),
        "normalisation": config.preprocess.normalise,
        "projection": config.train.projection,
        "calibration": trained.calibration.to_json(),
        "threshold": asdict(trained.threshold),
        "recipe": {
            "preprocess": config.preprocess.model_dump(mode="json"),
            "train": config.train.model_dump(mode="json"),
        },
        "data": {
            "surveys": metrics["data"],
            "fingerprint": fingerprint,
            "counts": metrics["counts"],
        },
        "metrics": metrics["results"][metrics["best"]],
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
    profile: Profile,
    spectra: Mapping[str, npt.NDArray[np.floating]],
) -> None:
    """Write the model folder under a temporary name, then put it in the place of an earlier one.

    Parameters
    ----------
    spectra
        By file name, `FILL_SPECTRUM` and `MEAN_SPECTRUM`.
    """
    with _replacing(folder) as new:
        new.mkdir(parents=True)
        # As a URI: the default file system of a cluster is another one.
        pipeline.save((new / PIPELINE).absolute().as_uri())
        for name, spectrum in spectra.items():
            np.save(new / name, spectrum, allow_pickle=False)
        write_json(new / PROFILE, profile.to_json())
        content = {**card, "files": _checksums(new)}
        write_json(new / CARD, {**content, "checksum": _checksum(content)})


def copy_bundle(source: Path, folder: Path) -> None:
    """Copy a model folder as a whole into the place of an earlier one."""
    with _replacing(folder) as new:
        shutil.copytree(source, new)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Offer a temporary place for a folder, which then becomes it."""
    new, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("new", "old"))
    try:
        yield new
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


def model_id(folder: Path) -> str:
    """Return the name of a model: 12 hexadecimal digits of its card's checksum.

    Raises
    ------
    UserError
        If there is no card, or it was changed.
    """
    return _checksum(_read_card(folder))[:12]


def load_bundle(folder: Path) -> Bundle:
    """Check a model folder and read it; no Spark, and no class that a file names, is needed.

    Raises
    ------
    UserError
        If a file is missing, added or changed, the model is of another grid or of a later version
        of Spark or of this package, or its pipeline has a step that none of ours has.
    """
    card = _read_card(folder)
    found, expected = _checksums(folder), card["files"]
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            what = "is missing" if name not in found else "was added or changed"
            raise UserError(f"{folder / name} {what} after training: restore it or train again")
    _check_fit(folder, card)
    saved = read_pipeline(folder / PIPELINE)
    mean = np.load(folder / MEAN_SPECTRUM, allow_pickle=False)
    return Bundle(
        _checksum(card)[:12],
        card,
        Components(mean, saved.vectors, saved.explained_variance),
        saved.classifier,
        np.load(folder / FILL_SPECTRUM, allow_pickle=False),
        Calibration.from_json(card["calibration"]),
        card["threshold"]["probability"],
        Profile.from_json(json.loads((folder / PROFILE).read_text())),
    )


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text())
        checksum = card.pop("checksum")
    except OSError as error:
        raise UserError(
            f"no model in {folder}: cannot read {CARD}: {error.strerror}; name the folder model/ "
            "that jobs/train.py wrote"
        ) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise UserError(f"{folder / CARD} is not a model's card: train again") from None
    if checksum != _checksum(card):
        raise UserError(f"{folder / CARD} was changed after training: restore it or train again")
    return card


def _check_fit(folder: Path, card: Mapping[str, Any]) -> None:
    if card["grid"]["id"] != GRID_ID:
        raise UserError(
            f"{folder} is a model of the grid {card['grid']['id']}, and spectra here are on "
            f"{GRID_ID}: train again"
        )
    for what, trained, here in (
        ("pyspark", card["versions"]["pyspark"], pyspark.__version__),
        ("galspec_spark", card["version"], __version__),
    ):
        if _minor(trained) > _minor(here):
            raise UserError(f"{folder} was made with {what} {trained}, this is {here}: upgrade it")


def _minor(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split(".")[:2])


def _checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file but the card, by its path in the folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path != folder / CARD
    }


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
