"""The spectra of one file as numpy arrays with units, and on the grid at rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from astropy import units as u

from galspec_spark.config import PreprocessConfig
from galspec_spark.errors import UserError
from galspec_spark.preprocess.pixels import PIXEL_COLUMNS
from galspec_spark.preprocess.recipe import Recipe
from galspec_spark.readers import read_spectra
from galspec_spark.readers.batch import healpix29, spectra_table
from galspec_spark.readers.fits import BadFile
from galspec_spark.readers.opening import open_source
from galspec_spark.readers.rows import Row
from galspec_spark.readers.source import Source, unpacked
from galspec_spark.spectrum.arrays import Array
from galspec_spark.spectrum.grid import LOGLAM_STEP
from galspec_spark.spectrum.ragged import ObservedBatch
from galspec_spark.spectrum.rebin import overlap, rebin
from galspec_spark.spectrum.restframe import RestFrame, has_redshift, to_rest_frame
from galspec_spark.warehouse.schemas import SPECTRA
from galspec_spark.warehouse.storage import Location

#: Flux of surveys that calibrate it; that of others is relative.
CALIBRATED = {"sdss", "desi"}
FLUX_UNIT = 1e-17 * u.erg / u.s / u.cm**2 / u.AA
#: Largest distance from a regular grid that is rounding, in pixels.
ROUNDING = 0.05
#: Columns of ``spectra`` that are arrays of pixels.
PIXELS = ("flux", "ivar", "and_mask", "or_mask")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One spectrum as observed, on a grid of 1e-4 dex."""

    spectrum_id: str  #: as in a warehouse, without the name of a release
    survey: str  #: ``sdss``, ``lamost`` or ``desi``; empty if it was made from arrays
    wavelength: u.Quantity  #: (n,) Angstrom, vacuum, as observed
    flux: u.Quantity  #: (n,) per wavelength; without a unit where it is relative
    ivar: u.Quantity  #: (n,) inverse variance of the flux, 0 where there is no information
    and_mask: npt.NDArray[np.int32] | None  #: (n,) bits of the survey's own
    or_mask: npt.NDArray[np.int32] | None  #: (n,)
    z: float | None  #: redshift
    values: Mapping[str, object]  #: what else the file says, by column of the table ``spectra``

    @classmethod
    def from_arrays(
        cls,
        wavelength: u.Quantity | npt.ArrayLike,
        flux: u.Quantity | npt.ArrayLike,
        ivar: u.Quantity | npt.ArrayLike,
        z: float | None,
        spectrum_id: str = "spectrum",
    ) -> Spectrum:
        """Make a spectrum of arrays.

        Parameters
        ----------
        wavelength
            Shape (n,), increasing; vacuum, as observed; Angstrom without a unit. In steps of
            1e-4 dex, or equal steps, which are rebinned.
        flux, ivar
            Shape (n,). An ivar of 0 marks a pixel without information.

        Raises
        ------
        UserError
            If the arrays differ in shape, or the wavelengths are in other steps.
        """
        angstrom = u.Quantity(wavelength, u.AA).value
        density, weight = u.Quantity(flux), u.Quantity(ivar)
        if not angstrom.shape == density.shape == weight.shape or angstrom.ndim != 1:
            raise UserError("wavelength, flux and ivar need one shape, (pixels,)")
        loglam0, values, weights = _on_grid(angstrom, density.value, weight.value)
        good = weights > 0
        row: Row = {
            "survey": "",
            "key": spectrum_id,
            "loglam0": loglam0,
            "flux": values,
            "ivar": weights,
            "z": z,
            "sn_median": np.median((values * np.sqrt(weights))[good]) if good.any() else None,
        }
        return _spectrum(row, density.unit)

    def __repr__(self) -> str:
        redshift = "no redshift" if self.z is None else f"z = {self.z:.4f}"
        return f"<Spectrum {self.spectrum_id}: {len(self.flux)} pixels, {redshift}>"


def read(source: str | Path | bytes) -> list[Spectrum]:
    """Read the spectra of one file of any format that ingest knows.

    Parameters
    ----------
    source
        Path or address of the file, or its content; either may be compressed by gzip.

    Returns
    -------
    list
        In the order of the file; empty for a catalogue, which has no spectra of its own.

    Raises
    ------
    UserError
        If the file does not exist, is broken, or is of no known format.
    """
    if isinstance(source, bytes):
        name, place = "the content", None
    else:
        place = Location.of(source)
        name = place.path
        if not place.exists():
            raise UserError(f"{place} does not exist")
    try:
        if place is None:
            opened = Source("content", unpacked(bytes(source)))  # type: ignore[arg-type]
        else:
            opened = open_source(place.path, place.status().size)
        rows = read_spectra(opened)[1]
    except BadFile as error:
        raise UserError(f"{name}: {error.reason}: {error.message}") from None
    return [_spectrum({**row, "file": name}, _unit_of(row["survey"])) for row in rows]


def rest_frame(
    spectra: Spectrum | Sequence[Spectrum], config: PreprocessConfig | None = None
) -> RestFrame:
    """Move spectra to the rest-frame grid, whose wavelengths `galspec_spark.wavelength` returns.

    Parameters
    ----------
    config
        Says in ``pixel_mask_reject`` which bits make a pixel bad; None for the defaults.

    Returns
    -------
    RestFrame
        ``flux``, ``ivar`` (float32) and ``good``, shape (spectra, 2642); flux and ivar are not
        normalised, in the spectra's own units, and 0 where not good.

    Raises
    ------
    UserError
        If a spectrum has no redshift above -1.
    """
    some = [spectra] if isinstance(spectra, Spectrum) else list(spectra)
    for each in some:
        if each.z is None or not has_redshift(np.array(each.z)):
            raise UserError(f"{each.spectrum_id} has no redshift above -1: it cannot be moved")
    recipe = Recipe.of(config or PreprocessConfig())
    parts = [_moved(each, recipe.reject(each.survey)) for each in some]
    return RestFrame(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def table_of(spectra: Sequence[Spectrum], columns: Sequence[str]) -> pa.Table:
    """Return columns of the table ``spectra``, and ``survey``."""
    fields = [
        pa.field(name, pa.string()) if name == "survey" else SPECTRA.field(name) for name in columns
    ]
    schema = pa.schema(fields)
    rows = [_row(each) for each in spectra]
    return spectra_table(rows, {}, schema) if rows else schema.empty_table()


def _moved(spectrum: Spectrum, reject: int) -> RestFrame:
    return to_rest_frame(ObservedBatch.from_arrow(table_of([spectrum], PIXEL_COLUMNS)), reject)


def _spectrum(row: Row, unit: u.UnitBase) -> Spectrum:
    loglam = row["loglam0"] + LOGLAM_STEP * np.arange(len(row["flux"]))
    known = {name: row.get(name) for name in SPECTRA.names if name not in (*PIXELS, "z")}
    position = np.array([[row.get("ra"), row.get("dec")]], np.float64)
    known["healpix29"] = healpix29(*position.T)[0].as_py()
    return Spectrum(
        "-".join(name for name in (row["survey"], row["key"]) if name),
        row["survey"],
        10**loglam * u.AA,
        u.Quantity(row["flux"], unit, dtype=np.float32),
        u.Quantity(row["ivar"], unit**-2, dtype=np.float32),
        row.get("and_mask"),
        row.get("or_mask"),
        row.get("z"),
        {name: value for name, value in known.items() if value is not None},
    )


def _row(spectrum: Spectrum) -> Row:
    return {
        **spectrum.values,
        "spectrum_id": spectrum.spectrum_id,
        "survey": spectrum.survey,
        "file": spectrum.values.get("file", ""),
        "flux": np.asarray(spectrum.flux.value, np.float32),
        "ivar": np.asarray(spectrum.ivar.value, np.float32),
        "and_mask": spectrum.and_mask,
        "or_mask": spectrum.or_mask,
        "z": spectrum.z,
    }


def _unit_of(survey: str) -> u.UnitBase:
    return FLUX_UNIT if survey in CALIBRATED else u.dimensionless_unscaled


def _on_grid(wavelength: Array, flux: Array, ivar: Array) -> tuple[float, Array, Array]:
    """Return log10 of the first wavelength, and flux and ivar in steps of 1e-4 dex."""
    numbers = np.arange(len(wavelength))
    if len(wavelength) > 1 and np.isfinite(wavelength).all() and wavelength[0] > 0:
        loglam0 = float(np.log10(wavelength[0]))
        if np.allclose(
            np.log10(np.abs(wavelength)), loglam0 + LOGLAM_STEP * numbers, 0, ROUNDING * LOGLAM_STEP
        ):
            return loglam0, flux.astype(np.float32), ivar.astype(np.float32)
        step = float((wavelength[-1] - wavelength[0]) / numbers[-1])
        if step > 0 and np.allclose(wavelength, wavelength[0] + step * numbers, 0, ROUNDING * step):
            pattern = overlap(float(wavelength[0]), step, len(wavelength))
            moved = rebin(pattern, flux[None], ivar[None])
            return pattern.loglam0, *(array[0].astype(np.float32) for array in moved)
    raise UserError(
        "wavelengths are neither in steps of 1e-4 dex nor in equal steps: resample the spectrum"
    )
