"""A trained model in a notebook: from files, arrays or a DataFrame to classes and probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from galspec_spark.api.spectra import Spectrum, read, rest_frame, table_of
from galspec_spark.catalog.score import SCORED, Score
from galspec_spark.config import ClassifyConfig, LinesConfig
from galspec_spark.errors import UserError
from galspec_spark.measure.stage import load_templates
from galspec_spark.ml.features.inputs import Inputs
from galspec_spark.ml.model.apply import PREDICTED, Apply
from galspec_spark.ml.model.bundle import Bundle, load_bundle
from galspec_spark.ml.model.training_objects import TrainingObjects
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.normalise import normalise

#: Columns that only a warehouse can fill, or that fill a page.
OF_WAREHOUSE = ("object_id", "healpix29", "features")

File = str | Path | bytes


@dataclass(frozen=True)
class Model:
    """A model folder, checked and read, without Spark."""

    bundle: Bundle
    training: TrainingObjects
    config: ClassifyConfig
    lines: LinesConfig

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        templates: str | Path | None = None,
        config: ClassifyConfig | None = None,
    ) -> Model:
        """Read the folder ``model/`` of a training run.

        Parameters
        ----------
        templates
            SDSS's spEigenElodie.fits; None for our own. Of use only where the model's features are
            made of lines: with those that it learned from.
        config
            Says which flags make the class ``abstain``; None for the defaults.

        Raises
        ------
        UserError
            If the folder is no model, was changed, or is of a later version.
        """
        lines = LinesConfig(templates=None if templates is None else str(templates))
        bundle = load_bundle(Path(folder))
        training = TrainingObjects.read(Path(folder))
        return cls(bundle, training, config or ClassifyConfig(), lines)

    @property
    def id(self) -> str:
        """The model's name in catalogues: 12 hexadecimal digits of its checksum."""
        return self.bundle.id

    @property
    def threshold(self) -> float:
        """A spectrum with this probability or more is AGN."""
        return self.bundle.threshold

    @overload
    def score(self, spectra: DataFrame) -> DataFrame: ...

    @overload
    def score(self, spectra: File | Spectrum | Iterable[File | Spectrum]) -> pd.DataFrame: ...

    def score(
        self, spectra: DataFrame | File | Spectrum | Iterable[File | Spectrum]
    ) -> DataFrame | pd.DataFrame:
        """Classify spectra, each by itself.

        Parameters
        ----------
        spectra
            Files (paths, addresses or contents), spectra (`galspec_spark.read`,
            `galspec_spark.Spectrum.from_arrays`), or a Spark DataFrame with columns of the table
            ``spectra``, from a warehouse or ``spark.read.format("galspec")``.

        Returns
        -------
        DataFrame
            A row for each spectrum, in pandas for files and spectra, in Spark for a DataFrame:
            columns of the table ``catalog``. Where preprocess would leave a spectrum out,
            ``reason`` says why and ``probability`` is null.

        Raises
        ------
        UserError
            If a file cannot be read, a column is missing, or lines are asked for that were
            measured with other templates than those that the model learned from.
        """
        if isinstance(spectra, DataFrame):
            return self._score_frame(spectra)
        found = self._score(table_of(list(_spectra(spectra)), SCORED))
        frame: pd.DataFrame = found.drop_columns(list(OF_WAREHOUSE)).to_pandas()
        return frame

    def reconstruct(self, spectrum: Spectrum) -> Doubles | None:
        """Return what the features hold of a spectrum, (2642,), normalised; None if they are lines.

        Raises
        ------
        UserError
            If the spectrum has no redshift above -1.
        """
        config = self.bundle.preprocess
        flux, ivar, good = rest_frame(spectrum, config)
        flux, ivar, _ = normalise(config.normalise, flux, ivar, good)
        if self.bundle.line_columns:
            return None
        filled = np.where(good, flux, self.bundle.fill_spectrum)
        features = self.bundle.features.transform(Inputs(filled, ivar, pa.table({})))
        found = self.bundle.features.reconstruct(features)
        return None if found is None else np.asarray(found[0])

    @cached_property
    def _score(self) -> Score:
        reads_lines = bool(self.bundle.line_columns)
        templates = load_templates(self.lines) if reads_lines else None
        return Score(Apply(self.bundle, self.config.abstain), self.training, templates)

    def _score_frame(self, spectra: DataFrame) -> DataFrame:
        missing = [name for name in SCORED if name not in spectra.columns]
        if missing:
            raise UserError(
                f"the DataFrame has no column {missing[0]!r}: a score needs {', '.join(SCORED)}"
            )
        score = self._score

        def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield from score(pa.Table.from_batches([batch])).to_batches()

        return spectra.select(*SCORED).mapInArrow(run, from_arrow_schema(PREDICTED))


def _spectra(given: File | Spectrum | Iterable[File | Spectrum]) -> Iterator[Spectrum]:
    if isinstance(given, Spectrum):
        yield given
    elif isinstance(given, str | Path | bytes):
        yield from read(given)
    else:
        for each in given:
            yield from _spectra(each)
