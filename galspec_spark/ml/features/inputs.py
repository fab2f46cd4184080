"""What features are computed from: the pixels of spectra, or their measured lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from galspec_spark.spectrum.arrays import Doubles, Floats
from galspec_spark.warehouse.sample import Spectra


@dataclass(frozen=True)
class Inputs:
    """Of n spectra what a kind of features reads, pixels or lines; the other has no columns."""

    flux: Floats  #: (n, pixels), finite; a gap holds the fill spectrum
    ivar: Floats  #: (n, pixels), 0 in a gap
    lines: pa.Table  #: n rows of the table ``lines``

    @staticmethod
    def of(spectra: Spectra, chosen: npt.NDArray[np.bool_], fill_spectrum: Floats) -> Inputs:
        """Return the inputs of the spectra where a condition (rows,) holds."""
        with_pixels = chosen[spectra.has_pixels]
        return Inputs(
            spectra.filled(fill_spectrum)[with_pixels],
            spectra.ivar[with_pixels],
            spectra.lines.filter(pa.array(chosen)) if spectra.lines.num_columns else spectra.lines,
        )

    def measures(self, names: Sequence[str]) -> Doubles:
        """Return columns of ``lines`` (n, names), NaN where there is no value."""
        columns = [self.lines[name].cast(pa.float64()).to_numpy() for name in names]
        return np.stack(columns, axis=1)
