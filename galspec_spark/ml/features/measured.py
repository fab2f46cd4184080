"""Common code of the features that are made of measured lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from galspec_spark.errors import UserError
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.warehouse.parts import open_part, part_exists

#: Column of ``lines`` that says with which templates a spectrum was measured.
TEMPLATES = "templates"
FILE = "templates.txt"


class NoSettings(BaseModel, extra="forbid", frozen=True):
    """Features without a choice."""


@dataclass(frozen=True)
class Measured:
    """Features made of measured lines: no basis, no reconstruction, no weight of a pixel."""

    names: Sequence[str]
    compute: Callable[[Inputs], Doubles]  #: gives the features (n, k), NaN where not measured
    missing: float  #: takes the place of NaN
    templates: str  #: with which the lines were measured that a model learned from
    basis = None
    explained_variance = ()

    def transform(self, inputs: Inputs) -> Doubles:
        """Return the features (n, k) of n spectra.

        Raises
        ------
        UserError
            If their lines were measured with other templates.
        """
        for found in inputs.lines[TEMPLATES].unique().to_pylist():
            if found != self.templates:
                raise UserError(
                    f"lines were measured with the templates {found}, those that the model learned "
                    f"from with {self.templates}: measure with the same lines.templates"
                )
        features = self.compute(inputs)
        return np.where(np.isfinite(features), features, self.missing)

    def reconstruct(self, features: Doubles) -> None:
        """Return None: lines are no spectrum."""

    def reconstruction_error(self, flux: Floats, features: Doubles) -> None:
        """Return None: there is no reconstruction."""

    def explain(self, weights: Doubles, is_linear: bool) -> None:
        """Return None: the features' names say which lines a decision rests on."""

    def save(self, folder: Path) -> None:
        """Write the name of the templates."""
        (folder / FILE).write_text(self.templates)


def fit(kind: Callable[[str], Measured], spectra: Any, folds: int) -> list[Measured]:
    """Return the features of each fold and of all, which are the same: nothing is fitted."""
    lines = next(part.lines for task in spectra.tasks for part in task)
    if not part_exists(lines):
        raise UserError(f"{lines} does not exist: run galspec measure")
    first: pa.Table = open_part(lines).read_row_group(0, [TEMPLATES])
    return [kind(first[TEMPLATES][0].as_py())] * (folds + 1)
