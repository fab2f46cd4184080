"""The settings that the pixels of ``restframe`` depend on, beside the pixels of ``spectra``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from galspec_spark.config import LabelConfig, PreprocessConfig
from galspec_spark.errors import ConfigError, UserError
from galspec_spark.readers import PIXEL_MASKS
from galspec_spark.spectrum.grid import GRID_ID
from galspec_spark.spectrum.masks import PixelMask, bit_mask
from galspec_spark.warehouse.records import read_json
from galspec_spark.warehouse.tables import Warehouse

#: File beside ``sample``; Spark ignores names that begin with _.
STATE = "_state.json"


class Recipe(BaseModel):
    """Settings of the move to the rest frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    normalise: str
    pixel_mask_reject: dict[str, tuple[str, ...]]  #: bits that make a pixel bad, by survey
    grid: str = GRID_ID

    @classmethod
    def of(cls, config: PreprocessConfig) -> Recipe:
        """Return the configured recipe: each survey's own bits where none are configured.

        Raises
        ------
        ConfigError
            If a survey or bit is unknown.
        """
        bad = {survey: mask.bad for survey, mask in PIXEL_MASKS.items()}
        for survey, names in config.pixel_mask_reject.items():
            _check(survey, names)
        return cls(normalise=config.normalise, pixel_mask_reject=bad | config.pixel_mask_reject)

    def reject(self, survey: str) -> int:
        """Return the bits of AND_MASK that make a pixel of a survey bad."""
        names = self.pixel_mask_reject.get(survey, ())
        return bit_mask(names, PIXEL_MASKS[survey].bits) if names else 0


class State(BaseModel):
    """Recipe and settings that the tables ``restframe`` and ``sample`` were made with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Recipe
    settings: PreprocessConfig
    labels: str | None  #: `PersonLabels.digest`, whatever file has them

    @classmethod
    def of(cls, config: PreprocessConfig, labels: str | None = None) -> State:
        """Return the state that a configuration and a person's labels lead to."""
        settings = config.model_copy(update={"labels": None})
        return cls(recipe=Recipe.of(config), settings=settings, labels=labels)

    @property
    def label(self) -> LabelConfig:
        """The label policy."""
        return self.settings.label


def read_state(warehouse: Warehouse) -> State | None:
    """Return the state of the tables; None if they do not exist."""
    place = warehouse.table("sample") / STATE
    remedy = "delete it and run galspec preprocess, which moves all spectra anew"
    return read_json(place, State, remedy) if place.exists() else None


def check_labels(warehouse: Warehouse, label: LabelConfig) -> None:
    """Check that the table ``sample`` has the labels of a configuration.

    Raises
    ------
    UserError
        If it has others.
    """
    state = read_state(warehouse)
    if state is not None and state.label != label:
        raise UserError(
            f"the table sample was labelled by preprocess.label {state.label}, the configuration "
            f"has {label}: run galspec preprocess with the same configuration"
        )


def _check(survey: str, names: Sequence[str]) -> None:
    masks: Mapping[str, PixelMask] = PIXEL_MASKS
    if survey not in masks:
        raise ConfigError(
            f"preprocess.pixel_mask_reject: unknown survey {survey!r}; known: {', '.join(masks)}"
        )
    bits = masks[survey].bits
    unknown = [name for name in names if name not in bits]
    if unknown:
        choices = ", ".join(bits) or "none"
        raise ConfigError(
            f"preprocess.pixel_mask_reject.{survey}: unknown bit {unknown[0]!r}; known: {choices}"
        )
