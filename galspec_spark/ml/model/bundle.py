"""The model folder: a pipeline that stock pyspark loads, and a card that says what it is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyspark
from pydantic import JsonValue, TypeAdapter, ValidationError
from pyspark.ml import PipelineModel

from galspec_spark import __version__
from galspec_spark.config import PreprocessConfig
from galspec_spark.errors import UserError
from galspec_spark.ml.classifiers import CLASSIFIERS
from galspec_spark.ml.classifiers.kind import Scorer
from galspec_spark.ml.evaluation.calibration import Calibration
from galspec_spark.ml.evaluation.metrics import Result
from galspec_spark.ml.features.components import Components
from galspec_spark.ml.features.pca import native_model
from galspec_spark.ml.features.projection import COMPONENTS
from galspec_spark.ml.model.card import Card
from galspec_spark.ml.model.profile import Profile
from galspec_spark.ml.model.saved import read_pipeline
from galspec_spark.ml.search.compare import Trained
from galspec_spark.ml.search.search import slicer
from galspec_spark.ml.search.settings import FEATURES
from galspec_spark.spectrum.grid import GRID_ID
from galspec_spark.warehouse.storage import write_json

PIPELINE, CARD = "pipeline", "card.json"
FILL_SPECTRUM, MEAN_SPECTRUM = "fill_spectrum.npy", "mean_spectrum.npy"
PROFILE = "profile.json"


@dataclass(frozen=True)
class Bundle:
    """A model folder that was checked and read."""

    id: str  #: 12 hexadecimal digits: those of the card's checksum
    card: Card
    components: Components
    classifier: Scorer  #: of the coefficients
    fill_spectrum: npt.NDArray[np.float32]  #: of gaps, (PIXELS,)
    calibration: Calibration  #: from the score to a probability
    threshold: float  #: a spectrum with this probability or more is AGN
    profile: Profile  #: of the training set

    @property
    def preprocess(self) -> PreprocessConfig:
        """The configuration by which the model's spectra were moved and labelled."""
        return PreprocessConfig.model_validate(self.card.recipe.preprocess)


def best_model(trained: Sequence[Trained], results: Sequence[Result]) -> int:
    """Return the index of the best cross-validated F1 of the AGN class; of equals, the simplest.

    The weighted F1 would not do: it is hardly lower for a model that never finds the rare class.
    """
    simplest_first = list(CLASSIFIERS)
    return max(
        range(len(trained)),
        key=lambda i: (
            results[i].cv_agn_f1 or 0.0,
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


def write_bundle(
    folder: Path,
    pipeline: PipelineModel,
    card: Card,
    profile: Profile,
    spectra: Mapping[str, npt.NDArray[np.floating]],
) -> None:
    """Write the model folder under a temporary name, then put it in the place of an earlier one.

    Parameters
    ----------
    card
        Written with the checksums of the other files.
    spectra
        By file name, `FILL_SPECTRUM` and `MEAN_SPECTRUM`.
    """
    with _replacing(folder) as new:
        new.mkdir(parents=True)
        # As a URI: the default file system of a cluster is another one.
        pipeline.save((new / PIPELINE).absolute().as_uri())
        for name, spectrum in spectra.items():
            np.save(new / name, spectrum, allow_pickle=False)
        write_json(new / PROFILE, profile)
        content = card.model_copy(update={"files": _checksums(new)}).model_dump(mode="json")
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
    return _checksum(_read_content(folder))[:12]


def load_bundle(folder: Path) -> Bundle:
    """Check a model folder and read it; no Spark, and no class that a file names, is needed.

    Raises
    ------
    UserError
        If a file is missing, added or changed, the model is of another grid or of a later version
        of Spark or of this package, or its pipeline has a step that none of ours has.
    """
    content = _read_content(folder)
    card = _read_card(folder, content)
    found, expected = _checksums(folder), card.files
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            what = "is missing" if name not in found else "was added or changed"
            raise UserError(f"{folder / name} {what} after training: restore it or train again")
    _check_fit(folder, card)
    saved = read_pipeline(folder / PIPELINE)
    mean = np.load(folder / MEAN_SPECTRUM, allow_pickle=False)
    return Bundle(
        _checksum(content)[:12],
        card,
        Components(mean, saved.vectors, saved.explained_variance),
        saved.classifier,
        np.load(folder / FILL_SPECTRUM, allow_pickle=False),
        card.calibration,
        card.threshold.probability,
        TypeAdapter(Profile).validate_json((folder / PROFILE).read_bytes()),
    )


def _read_content(folder: Path) -> dict[str, JsonValue]:
    """Return what ``card.json`` holds beside its checksum, which was checked."""
    try:
        content: dict[str, JsonValue] = json.loads((folder / CARD).read_text())
        checksum = content.pop("checksum")
    except OSError as error:
        raise UserError(
            f"no model in {folder}: cannot read {CARD}: {error.strerror}; name the folder model/ "
            "that jobs/train.py wrote"
        ) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise UserError(f"{folder / CARD} is not a model's card: train again") from None
    if checksum != _checksum(content):
        raise UserError(f"{folder / CARD} was changed after training: restore it or train again")
    return content


def _read_card(folder: Path, content: Mapping[str, JsonValue]) -> Card:
    try:
        return Card.model_validate(content)
    except ValidationError:
        raise UserError(
            f"{folder / CARD} is of galspec_spark {content.get('version')}, which this version, "
            f"{__version__}, cannot read: train again"
        ) from None


def _check_fit(folder: Path, card: Card) -> None:
    if card.grid.id != GRID_ID:
        raise UserError(
            f"{folder} is a model of the grid {card.grid.id}, but spectra are on {GRID_ID}: "
            "train again"
        )
    for name, theirs, ours in (
        ("pyspark", card.versions.pyspark, pyspark.__version__),
        ("galspec_spark", card.version, __version__),
    ):
        if _minor(theirs) > _minor(ours):
            raise UserError(f"{folder} was made with {name} {theirs}, this is {ours}: upgrade it")


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


def _checksum(content: Mapping[str, JsonValue]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
