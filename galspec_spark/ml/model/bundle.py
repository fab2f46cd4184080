"""The model folder, checked and read without Spark and without any class that a file names.

`galspec_spark.ml.model.write` writes it: a pipeline that stock pyspark loads, and a card.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import pyspark
from pydantic import JsonValue, TypeAdapter, ValidationError

from galspec_spark import __version__
from galspec_spark.config import PreprocessConfig
from galspec_spark.errors import UserError
from galspec_spark.labels import Classes
from galspec_spark.ml.classifiers.kind import Scorer
from galspec_spark.ml.evaluation.calibration import Calibration
from galspec_spark.ml.evaluation.prediction_sets import PredictionSets
from galspec_spark.ml.features import FEATURES
from galspec_spark.ml.features.kind import FeatureKind, Features
from galspec_spark.ml.model.card import Card
from galspec_spark.ml.model.profile import Profile
from galspec_spark.ml.model.saved import read_pipeline
from galspec_spark.ml.model.training_objects import TRAINING_OBJECTS
from galspec_spark.spectrum.grid import GRID_ID

PIPELINE, CARD = "pipeline", "card.json"
FILL_SPECTRUM, FEATURES_FOLDER, PROFILE = "fill_spectrum.npy", "features", "profile.json"


@dataclass(frozen=True)
class Bundle:
    """The content of a model folder, checked and read."""

    id: str  #: first 12 hexadecimal digits of the card's checksum
    card: Card
    features: Features
    line_columns: Sequence[str]  #: columns of ``lines`` that the features read; else pixels
    classifier: Scorer  #: takes all features
    fill_spectrum: npt.NDArray[np.float32]  #: fills gaps, (PIXELS,)
    calibration: Calibration  #: from the score of AGN to a probability
    other_calibrations: Sequence[Calibration]  #: of the other classes; none with two classes
    threshold: float  #: a spectrum with this probability or more is AGN
    prediction_sets: PredictionSets  #: from a probability to the classes that it does not exclude
    profile: Profile  #: of the training set

    @property
    def classes(self) -> Classes:
        """The classes that the model tells from one another."""
        return self.card.label_policy.classes

    @property
    def preprocess(self) -> PreprocessConfig:
        """The configuration that preprocessed and labelled the model's spectra."""
        return PreprocessConfig.model_validate(self.card.recipe.preprocess)


def model_id(folder: Path) -> str:
    """Return the name of a model: 12 hexadecimal digits of its card's checksum.

    Raises
    ------
    UserError
        If the card is missing or was changed.
    """
    return checksum_of(_read_content(folder))[:12]


def load_bundle(folder: Path) -> Bundle:
    """Check and read a model folder, without Spark and without any class that a file names.

    Raises
    ------
    UserError
        If a file is missing, added, changed or a link; if the model has another grid or a later
        version of Spark or this package; or if its pipeline has an unknown step.
    """
    content = _read_content(folder)
    card = _read_card(folder, content)
    _check_files(folder, card.files)
    _check_fit(folder, card)
    kind = _kind(folder, card)
    features = kind.read(folder / FEATURES_FOLDER)
    return Bundle(
        checksum_of(content)[:12],
        card,
        features,
        kind.line_columns,
        read_pipeline(folder / PIPELINE, kind, len(features.names)),
        np.load(folder / FILL_SPECTRUM, allow_pickle=False),
        card.calibration,
        card.other_calibrations,
        card.threshold.probability,
        card.prediction_sets,
        TypeAdapter(Profile).validate_json((folder / PROFILE).read_bytes()),
    )


def _read_content(folder: Path) -> dict[str, JsonValue]:
    """Check the checksum of ``card.json``; return the rest of its content."""
    try:
        if not _is_plain((folder / CARD).lstat()):
            raise _not_plain(folder / CARD)
        content: dict[str, JsonValue] = json.loads((folder / CARD).read_text())
        checksum = content.pop("checksum")
    except OSError as error:
        raise UserError(
            f"no model in {folder}: cannot read {CARD}: {error.strerror}; name the folder model/ "
            "that galspec train wrote"
        ) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise UserError(f"{folder / CARD} is not a model's card: train again") from None
    if checksum != checksum_of(content):
        raise UserError(f"{folder / CARD} was changed after training: restore it or train again")
    return content


def _check_files(folder: Path, expected: Mapping[str, str]) -> None:
    """Check that a model folder holds the files of its card, unchanged, and nothing else."""
    entries = dict(_entries(folder))
    for name, status in entries.items():
        if not _is_plain(status) and not stat.S_ISDIR(status.st_mode):
            raise _not_plain(folder / name)
    folders = {parent.as_posix() for name in expected for parent in PurePosixPath(name).parents}
    for name in sorted(entries.keys() - expected.keys() - folders - {CARD, FEATURES_FOLDER}):
        raise UserError(f"{folder / name} was added after training: delete it or train again")
    for name, checksum in expected.items():
        if name not in entries:
            raise UserError(f"{folder / name} is missing after training: restore it or train again")
        if stat.S_ISDIR(entries[name].st_mode) or _sha256(folder / name) != checksum:
            raise UserError(
                f"{folder / name} was changed after training: restore it or train again"
            )


def _is_plain(status: os.stat_result) -> bool:
    """Tell whether this is a file itself: no folder, link, pipe or device."""
    return stat.S_ISREG(status.st_mode)


def _not_plain(path: Path) -> UserError:
    return UserError(
        f"{path} is a link or no plain file, which no checksum covers: restore it or train again"
    )


def _entries(folder: Path, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path in the folder and the status of all that is there; links are not followed."""
    with os.scandir(folder / below) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = f"{below}{entry.name}"
            yield path, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(folder, f"{path}/")


def _read_card(folder: Path, content: Mapping[str, JsonValue]) -> Card:
    try:
        return Card.model_validate(content)
    except ValidationError:
        raise UserError(
            f"{folder / CARD} is of galspec_spark {content.get('version')}, which this version, "
            f"{__version__}, cannot read: train again"
        ) from None


def _kind(folder: Path, card: Card) -> FeatureKind:
    if card.features not in FEATURES:
        raise UserError(
            f"{folder} is a model of the features {card.features!r}, which this version, "
            f"{__version__}, does not have: train again"
        )
    return FEATURES[card.features]


def _check_fit(folder: Path, card: Card) -> None:
    if card.grid.id != GRID_ID:
        raise UserError(
            f"{folder} is a model of the grid {card.grid.id}, but spectra are on {GRID_ID}: "
            "train again"
        )
    if TRAINING_OBJECTS not in card.files:
        raise UserError(f"{folder} does not say which objects it learned from: train again")
    for name, theirs, ours in (
        ("pyspark", card.versions.pyspark, pyspark.__version__),
        ("galspec_spark", card.version, __version__),
    ):
        if _minor(theirs) > _minor(ours):
            raise UserError(f"{folder} was made with {name} {theirs}, this is {ours}: upgrade it")


def _minor(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in release.split(".")[:2])


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file except the card, by its path in the folder."""
    return {
        name: _sha256(folder / name)
        for name, status in _entries(folder)
        if _is_plain(status) and name != CARD
    }


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def checksum_of(content: Mapping[str, JsonValue]) -> str:
    """Return the SHA-256 of a card's content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
