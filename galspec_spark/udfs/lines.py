"""The continuum of the stars, and the emission lines above it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import ArrayType, DoubleType

from galspec_spark.catalog.score import of_one_survey
from galspec_spark.config import LinesConfig
from galspec_spark.lines.continuum import fit_continuum
from galspec_spark.lines.templates import Templates
from galspec_spark.measure.part import MEASURED_FROM, bad_sky_bits, measure_rows, spectra_of
from galspec_spark.measure.schema import LINES
from galspec_spark.measure.stage import load_templates
from galspec_spark.spectrum.arrays import Doubles
from galspec_spark.spectrum.restframe import has_redshift
from galspec_spark.udfs.rows import Function, frame_of, table_of
from galspec_spark.warehouse.fields import PROVENANCE

#: Columns of ``lines`` that no fit gives.
UNMEASURED = {"spectrum_id", "file", "z", "templates_seen", *(f.name for f in PROVENANCE)}
MEASURES = pa.schema([f.with_nullable(True) for f in LINES if f.name not in UNMEASURED])


def continuum(row: Column | str, templates: str | Path | None = None) -> Column:
    """Return the stars' continuum on the pixels of spectra as observed, an array.

    Null without a redshift above -1; 0 outside the templates, and where too few pixels are good.

    Parameters
    ----------
    row
        A struct of the columns ``survey``, ``z``, ``run2d``, ``loglam0``, ``flux``, ``ivar`` and
        ``or_mask`` of the table ``spectra``; others do not matter.
    templates
        SDSS's spEigenElodie.fits; None for our own. See `galspec_spark.lines.continuum`.
    """
    return continuum_with(templates_at(templates))(row)


def line_measures(row: Column | str, templates: str | Path | None = None) -> Column:
    """Return the measured columns of the table ``lines``, a struct.

    Parameters
    ----------
    row, templates
        See `continuum`.
    """
    return measures_with(templates_at(templates))(row)


def templates_at(place: str | Path | None) -> Templates:
    """Read templates; our own without a place."""
    return load_templates(LinesConfig(templates=None if place is None else str(place)))


def continuum_with(templates: Templates) -> Function:
    """Return `continuum` with some templates."""

    @pandas_udf(ArrayType(DoubleType()))  # type: ignore[call-overload, untyped-decorator]
    def fitted(row: pd.DataFrame) -> pd.Series:
        table = table_of(row, ("survey", *MEASURED_FROM))
        return pd.Series(
            [each for part in of_one_survey(table) for each in _continua(*part, templates)]
        )

    function: Function = fitted
    return function


def _continua(batch: pa.RecordBatch, survey: str, templates: Templates) -> list[Doubles | None]:
    z = batch["z"].to_numpy(zero_copy_only=False)
    usable = has_redshift(z)
    rows = batch.filter(pa.array(usable))
    fit = fit_continuum(spectra_of(rows, z[usable], bad_sky_bits(survey)), templates)
    found: list[Doubles | None] = [None] * len(z)
    for index, flux, pixels in zip(
        np.flatnonzero(usable),
        fit.flux,
        pc.list_value_length(rows["flux"]).to_pylist(),
        strict=True,
    ):
        found[index] = flux[:pixels]
    return found


def measures_with(templates: Templates) -> Function:
    """Return `line_measures` with some templates."""

    @pandas_udf(from_arrow_schema(MEASURES))  # type: ignore[call-overload, untyped-decorator]
    def measured(row: pd.DataFrame) -> pd.DataFrame:
        table = table_of(row, ("survey", *MEASURED_FROM))
        parts = [
            pa.table({**measure_rows(batch, bad_sky_bits(survey), templates)})
            for batch, survey in of_one_survey(table)
        ]
        return frame_of(pa.concat_tables(parts).select(MEASURES.names).cast(MEASURES))

    function: Function = measured
    return function
