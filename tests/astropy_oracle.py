"""Every format decoded with astropy alone, as a careful user would: what our readers must equal.

Nothing here is taken from the readers but the names of columns. What cannot be decoded raises
whatever astropy or numpy raises, or `Refused` where a careful user would look twice.
"""

from __future__ import annotations

import gzip
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from galspec_spark.schemas import LINE_MEASURES, SPECTRA
from galspec_spark.spectrum.lines import LINES

#: Columns that are made after a file is read.
ADDED = {"spectrum_id", "healpix29", "quality", "pixels", "file"}
ADDED |= {"version", "run_id", "config_hash"}
COLUMNS = ["survey", "key", *(name for name in SPECTRA.names if name not in ADDED)]
#: Of wavelengths, in dex: what float32 rounds, and what our readers take for regular.
EXACT, REGULAR = 5e-7, 4e-6
#: Of what is computed, not only read: those arrays are of float64 here.
COMPUTED = {"rtol": 1e-5, "atol": 1e-6}

Row = dict[str, Any]
Beside = Mapping[str, bytes]


class Refused(Exception):
    """The file contradicts its data model or the FITS standard, though astropy gives values."""


def spectra(kind: str, content: bytes, name: str = "", beside: Beside | None = None) -> list[Row]:
    """Decode a file.

    Parameters
    ----------
    kind
        The format, as our reader names it.
    content
        The file; compressed or not.
    name
        Of the file, and the files beside it by name: coadds and plates need them.

    Returns
    -------
    list of dict
        Rows by column of the ``spectra`` table, and ``survey`` and ``key``. Instead of ``loglam0``
        they have ``loglam``, the log10 wavelengths.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", "File may have been truncated")
        return DECODERS[kind](content, name, beside or {})


def differences(ours: Sequence[Row], theirs: Sequence[Row], tolerance: float = EXACT) -> list[str]:
    """Return what differs: rows of a reader, or of Parquet, and those of `spectra`."""
    if len(ours) != len(theirs):
        return [f"{len(ours)} rows, not {len(theirs)}"]
    return [
        f"row {i}: {column} is {a.get(column)!r}, not {b.get(column, b.get('loglam'))!r}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True))
        for column in COLUMNS
        if not _same(column, a, b, tolerance)
    ]


def _same(column: str, ours: Row, theirs: Row, tolerance: float) -> bool:
    if column == "loglam0":
        loglam = ours["loglam0"] + 1e-4 * np.arange(len(theirs["loglam"]))
        return bool(np.abs(loglam - theirs["loglam"]).max() <= tolerance)
    a, b = ours.get(column), theirs.get(column)
    if isinstance(b, np.ndarray):
        if a is None or len(a) != len(b):
            return False
        if b.dtype == np.float64:
            with np.errstate(over="ignore"):
                return np.allclose(a, b.astype(np.float32), **COMPUTED, equal_nan=True)
        return np.array_equal(a, b, equal_nan=True)
    if _is_missing(a) or _is_missing(b):
        return _is_missing(a) and _is_missing(b)
    return bool(a == b)


def _is_missing(value: Any) -> bool:
    """Tell null: NaN becomes null in the table."""
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def assert_equal(ours: Sequence[Row], theirs: Sequence[Row], tolerance: float = EXACT) -> None:
    """Compare all columns of all rows, and the types that the schema needs."""
    assert not differences(ours, theirs, tolerance)
    kinds = {"flux": "f4", "ivar": "f4", "and_mask": "i4", "or_mask": "i4"}
    for row in ours:
        for column, kind in kinds.items():
            if row.get(column) is not None:
                assert row[column].dtype == np.dtype(kind)
                assert row[column].dtype.isnative


def _open(content: bytes) -> fits.HDUList:
    whole = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    # astropy shows no unit from one on whose checksum is unreadable; we do not check sums either.
    whole = re.sub(rb"(CHECK|DATA)SUM ?= ", b"COMMENT   ", whole)
    return fits.open(io.BytesIO(whole), memmap=False)


def _text(value: Any) -> str:
    """Return a string: by the standard it ends at a NUL."""
    if not isinstance(value, str):
        raise Refused(f"not text: {value!r}")
    return value.split("\0")[0].strip()


def _column(table: fits.BinTableHDU, name: str, kinds: str) -> Any:
    """Return a column, of the kinds of numbers that its data model says."""
    widths = sum(column.dtype.itemsize for column in table.columns)
    if widths != table.header["NAXIS1"]:
        raise Refused("the columns are not as wide as a row")
    column = table.data[name]
    values = np.asarray(column)
    if values.dtype == object:  # cells of variable length
        values = np.concatenate(list(column))
    if values.dtype.kind not in kinds:
        raise Refused(f"{name} is of kind {values.dtype}")
    return column


def _names(hdu: Any) -> list[str]:
    """Return the names of a table's columns; none of another unit."""
    return [name.upper() for name in hdu.columns.names] if hasattr(hdu, "columns") else []


def _pixels(hdu: Any, kinds: str) -> np.ndarray:
    data = np.asarray(hdu.data)
    if data.dtype.kind not in kinds:
        raise Refused(f"pixels are of kind {data.dtype}")
    return data


def _card(header: fits.Header, name: str) -> Any:
    """Return a card's value, None where it is missing or cannot be read."""
    try:
        value = header.get(name)
    except (fits.VerifyError, ValueError):
        return None
    has_value = name in header and header.cards[name].image[8:10] == "= "
    if not has_value or isinstance(value, fits.card.Undefined):
        return None
    return value.strip() if isinstance(value, str) else value


def _sdss_names(plate: int, mjd: int, fiber: int) -> Row:
    key = f"{plate:04d}-{mjd}-{fiber:04d}"
    return {"survey": "sdss", "key": key, "plate": plate, "mjd": mjd, "fiber": fiber}


def _object_of(table: fits.BinTableHDU, row: int) -> str | None:
    names = _names(table)
    if "BESTOBJID" in names:
        best = _text(table.data["BESTOBJID"][row])
        return f"bestobjid-{best}" if best.strip("0") else None
    if "THING_ID" in names and table.data["THING_ID"][row] > 0:
        return f"thing-{table.data['THING_ID'][row]}"
    return None


def _lines(names: Any, column: Callable[[str], Any]) -> Row:
    """Return the fits of one object's lines; `column` gives one measure of them all."""
    values = {}
    found = [_text(name) for name in names]
    for line in LINES:
        if line.sdss not in found:
            continue
        at = found.index(line.sdss)
        for measure in LINE_MEASURES:
            error = column(f"LINE{measure.removesuffix('_err')}_err".upper())[at]
            value = column(f"LINE{measure}".upper())[at]
            values[f"{line.name}_{measure}"] = float(value) if error > 0 else None
    return values


def _spec(content: bytes, name: str, beside: Beside) -> list[Row]:
    with _open(content) as hdus:
        coadd, catalogue, lines = hdus[1], hdus[2], hdus[3]
        (target,) = catalogue.data
        names = _names(catalogue)

        def optional(*columns: str) -> Any:
            value = next((target[column] for column in columns if column in names), None)
            return _text(value) if isinstance(value, str) else value

        row = {
            **_sdss_names(*(_column(catalogue, n, "i")[0] for n in ("PLATE", "MJD", "FIBERID"))),
            "run2d": optional("RUN2D"),
            "object_id": _object_of(catalogue, 0),
            "source_type": optional("SOURCETYPE", "OBJTYPE"),
            "ra": _column(catalogue, "PLUG_RA", "f")[0],
            "dec": _column(catalogue, "PLUG_DEC", "f")[0],
            "z": _column(catalogue, "Z", "f")[0],
            "z_err": optional("Z_ERR"),
            "zwarning": _column(catalogue, "ZWARNING", "i")[0],
            "class": _text(target["CLASS"]),
            "subclass": _text(target["SUBCLASS"]),
            "sn_median": optional("SN_MEDIAN_ALL"),
            "loglam": np.asarray(_column(coadd, "LOGLAM", "f"), np.float64),
            "flux": np.asarray(_column(coadd, "FLUX", "f"), np.float32),
            "ivar": np.asarray(_column(coadd, "IVAR", "f"), np.float32),
            "and_mask": np.asarray(_column(coadd, "AND_MASK", "iu")),
            "or_mask": np.asarray(_column(coadd, "OR_MASK", "iu")),
        }
        if lines.name == "SPZLINE" or "LINENAME" in _names(lines):
            row.update(_lines(lines.data["LINENAME"], lambda n: _column(lines, n, "f")))
        return [row]


def _plate(content: bytes, name: str, beside: Beside) -> list[Row]:
    with _open(content) as hdus:
        header = hdus[0].header
        plate, mjd = header["PLATEID"], header["MJD"]
        flux, ivar, and_mask, or_mask = (
            _pixels(hdus[i], kinds) for i, kinds in enumerate(("f", "f", "iu", "iu"))
        )
        plugmap = hdus[5]
        rows = []
        for i, number in enumerate(_column(plugmap, "FIBERID", "i")):
            plugged = number > 0
            rows.append(
                {
                    **_sdss_names(plate, mjd, int(number) if plugged else i + 1),
                    "run2d": None if _card(header, "RUN2D") is None else str(header["RUN2D"]),
                    "source_type": _text(plugmap.data["OBJTYPE"][i]) or None,
                    "ra": _column(plugmap, "RA", "f")[i] if plugged else None,
                    "dec": _column(plugmap, "DEC", "f")[i] if plugged else None,
                    "loglam": header["COEFF0"] + header["COEFF1"] * np.arange(flux.shape[1]),
                    "flux": np.asarray(flux[i], np.float32),
                    "ivar": np.asarray(ivar[i], np.float32),
                    "and_mask": and_mask[i],
                    "or_mask": or_mask[i],
                }
            )
        runs = ["", *(f"{_card(header, n)}/" for n in ("RUN1D", "RUN2D"))]
    for kind, decode in (("spZbest", _zbest_of), ("spZline", _zline_of)):
        names = [f"{run}{kind}-{plate:04d}-{mjd}.fits{gz}" for run in runs for gz in ("", ".gz")]
        found = next((beside[name] for name in names if name in beside), None)
        if found is not None:
            with _open(found) as hdus:
                for row in rows:
                    row.update(decode(hdus[1], row["fiber"]))
    return rows


def _rows_of(catalogue: fits.BinTableHDU, fiber: int) -> Any:
    for name in ("PLATE", "MJD"):
        if len(set(_column(catalogue, name, "i").tolist())) != 1:
            raise Refused(f"the catalogue has several of {name}")
    return np.flatnonzero(_column(catalogue, "FIBERID", "i") == fiber)


def _zbest_of(catalogue: fits.BinTableHDU, fiber: int) -> Row:
    found = _rows_of(catalogue, fiber)
    if not len(found):
        return {}
    (i,) = found
    names = _names(catalogue)
    sn_median = next((n for n in ("SN_MEDIAN_ALL", "SN_MEDIAN") if n in names), None)
    return {
        "object_id": _object_of(catalogue, i),
        "z": _column(catalogue, "Z", "f")[i],
        "z_err": _column(catalogue, "Z_ERR", "f")[i],
        "zwarning": _column(catalogue, "ZWARNING", "i")[i],
        "class": _text(catalogue.data["CLASS"][i]),
        "subclass": _text(catalogue.data["SUBCLASS"][i]),
        "sn_median": _column(catalogue, sn_median, "f")[i] if sn_median else None,
    }


def _zline_of(catalogue: fits.BinTableHDU, fiber: int) -> Row:
    found = _rows_of(catalogue, fiber)
    return _lines(catalogue.data["LINENAME"][found], lambda n: _column(catalogue, n, "f")[found])


#: SPEC_CLN of spectro1d; 0 is unknown, 5 is sky.
SPECTRO1D_CLASSES = {1: "STAR", 2: "GALAXY", 3: "QSO", 4: "QSO", 6: "STAR", 7: "GALAXY"}


def _spspec(content: bytes, name: str, beside: Beside) -> list[Row]:
    with _open(content) as hdus:
        header, data = hdus[0].header, _pixels(hdus[0], "f")
        error = data[2].astype(np.float64)
        kind = _card(header, "SPEC_CLN")
        row = {
            **_sdss_names(header["PLATEID"], header["MJD"], header["FIBERID"]),
            "source_type": "SKY" if kind == 5 else _card(header, "OBJTYPE"),
            "class": SPECTRO1D_CLASSES.get(kind) if type(kind) is int else None,
            "loglam": header["COEFF0"] + header["COEFF1"] * np.arange(data.shape[1]),
            "flux": data[0].astype(np.float32),
            "ivar": np.where(error > 0, error**-2.0, 0),
        }
        for column, card in (("ra", "RAOBJ"), ("dec", "DECOBJ"), ("z", "Z"), ("z_err", "Z_ERR")):
            row[column] = _card(header, card)
        for hdu in hdus[1:7]:
            if {"ANDMASK", "ORMASK"} <= set(_names(hdu)):
                row["and_mask"] = np.asarray(_column(hdu, "andMask", "iu"))
                row["or_mask"] = np.asarray(_column(hdu, "orMask", "iu"))
                break
        return [row]


def _lamost(content: bytes, name: str, beside: Beside) -> list[Row]:
    names = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK")
    with _open(content) as hdus:
        header = hdus[0].header
        if len(hdus) > 1 and set(names) <= set(_names(hdus[1])):
            (flux,), (ivar,), (wave,), (and_mask,), (or_mask,) = (
                _column(hdus[1], name, "iuf" if name.endswith("MASK") else "f") for name in names
            )
        else:
            flux, ivar, wave, and_mask, or_mask = _pixels(hdus[0], "f")
        if "subcontinuum" in str(_card(header, "EXTEN0")).lower():
            loglam = header["COEFF0"] + header["COEFF1"] * np.arange(len(flux))
        else:
            loglam = np.log10(np.asarray(wave, np.float64))
        if header["VACUUM"] is not True:
            raise Refused("not in vacuum")
        sky = "Sky" in (_card(header, "FIBERTYP"), _card(header, "FIB_TYPE"))
        field = f"{header['PLANID'].strip()}_sp{int(header['SPID']):02d}"
        designation = _card(header, "DESIG")
        subclass = header["SUBCLASS"].strip()
        return [
            {
                "survey": "lamost",
                "key": f"{header['LMJD']:.0f}-{field.replace('_sp', '-')}"
                f"-{header['FIBERID']:03.0f}",
                "mjd": header["LMJD"],
                "fiber": header["FIBERID"],
                "field": field,
                "run2d": _card(header, "VERSPIPE"),
                "object_id": None
                if sky or designation is None
                else f"desig-{designation.removeprefix('LAMOST ')}",
                "source_type": "SKY" if sky else _card(header, "OBJTYPE"),
                "ra": header["RA"],
                "dec": header["DEC"],
                "z": _measured(header["Z"]),
                "z_err": _measured(_card(header, "Z_ERR")),
                "class": header["CLASS"].strip(),
                "subclass": None if subclass.upper() in ("", "NON", "NULL") else subclass,
                "loglam": loglam,
                "flux": np.asarray(flux, np.float32),
                "ivar": np.asarray(ivar, np.float32),
                "and_mask": np.asarray(and_mask),
                "or_mask": np.asarray(or_mask),
            }
        ]


def _measured(value: float | None) -> float | None:
    return None if value == -9999 else value


def _desi(content: bytes, name: str, beside: Beside) -> list[Row]:
    with _open(content) as hdus:
        names = [hdu.name for hdu in hdus]
        if len(set(names)) < len(names):
            raise Refused("a unit's name is there twice")
        arms = {
            arm: {
                kind: _pixels(hdus[f"{arm}_{kind}"], "iu" if kind == "MASK" else "f")
                for kind in ("WAVELENGTH", "FLUX", "IVAR", "MASK")
                if kind != "MASK" or any(name.endswith("_MASK") for name in names)
            }
            for arm in {name.split("_")[0] for name in names if name.endswith("_FLUX")}
        }
        fibermap = hdus["FIBERMAP"]
        columns = _names(fibermap)
        header = hdus[0].header
        field = _desi_field(header, name)
        rows = []
        for i, target in enumerate(_column(fibermap, "TARGETID", "i").tolist()):
            kind = _text(fibermap.data["OBJTYPE"][i])
            days = [_column(fibermap, n, "f")[i] for n in ("MIN_MJD", "MAX_MJD") if n in columns]
            one_day = len(days) == 2 and days[0] > 0 and np.floor(days[0]) == np.floor(days[1])
            loglam, flux, ivar = desi_spectrum(arms, i)
            rows.append(
                {
                    "survey": "desi",
                    "key": f"{field}-{target}",
                    "field": field,
                    "target_id": target,
                    "fiber": _column(fibermap, "FIBER", "i")[i] if "FIBER" in columns else None,
                    "mjd": int(days[0]) if one_day else None,
                    "run2d": _desi_reduction(header),
                    "object_id": f"desi-{target}" if kind == "TGT" else None,
                    "source_type": kind,
                    "ra": _column(fibermap, "TARGET_RA", "f")[i],
                    "dec": _column(fibermap, "TARGET_DEC", "f")[i],
                    "loglam": loglam,
                    "flux": flux,
                    "ivar": ivar,
                }
            )
    for kind in ("redrock", "zbest"):
        catalogue = beside.get(f"{kind}{name.removeprefix('coadd')}")
        if name.startswith("coadd-") and catalogue is not None:
            known = _desi_redshifts(catalogue)
            for row in rows:
                row.update(known.get(row["target_id"], {}))
            break
    return rows


def _desi_field(header: fits.Header, name: str) -> str:
    for group in (("SURVEY", "PROGRAM", "HPXPIXEL"), ("TILEID", "PETAL", "SPGRP", "SPGRPVAL")):
        values = [_card(header, card) for card in group]
        if None not in values:
            return "-".join(str(value) for value in values)
    return re.sub(r"^coadd-|\.fits(\.gz)?$", "", name)


def _desi_reduction(header: fits.Header) -> str | None:
    for i in range(100):
        if _card(header, f"DEPNAM{i:02d}") == "SPECPROD":
            return _card(header, f"DEPVER{i:02d}")
    return None


def _desi_redshifts(content: bytes) -> dict[int, Row]:
    with _open(content) as hdus:
        names = [hdu.name for hdu in hdus]
        catalogue = hdus["REDSHIFTS" if "REDSHIFTS" in names else "ZBEST"]
        found = {}
        for i, target in enumerate(_column(catalogue, "TARGETID", "i").tolist()):
            kind = _text(catalogue.data["SPECTYPE"][i])
            found[target] = {
                "class": kind,
                "subclass": _text(catalogue.data["SUBTYPE"][i]) if kind == "STAR" else None,
                "z": _column(catalogue, "Z", "f")[i],
                "z_err": _column(catalogue, "ZERR", "f")[i],
                "zwarning": _column(catalogue, "ZWARN", "i")[i],
            }
        return found


def desi_spectrum(
    arms: Mapping[str, Mapping[str, np.ndarray]], row: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a target's loglam, flux and ivar, each input pixel handing out what it has.

    The arms are summed up on their common grid of 0.8 A, weighted by ivar. Then each pixel gives
    to the pixels of 1e-4 dex the share by which they overlap.
    """
    step = 0.8
    first = round(min(arm["WAVELENGTH"][0] for arm in arms.values()), 3)
    places = {
        name: np.rint((arm["WAVELENGTH"] - first) / step).astype(int) for name, arm in arms.items()
    }
    count = 1 + max(place.max() for place in places.values())
    weighted, weight = np.zeros(count), np.zeros(count)
    for name, arm in arms.items():
        ivar = arm["IVAR"][row].astype(np.float64)
        good = (ivar > 0) & (arm["MASK"][row] == 0 if "MASK" in arm else True)
        at = places[name][good]
        np.add.at(weight, at, ivar[good])
        np.add.at(weighted, at, ivar[good] * arm["FLUX"][row][good])
    left = first - step / 2
    loglam = np.arange(
        np.ceil(np.log10(left) * 1e4), np.floor(np.log10(left + step * count) * 1e4) + 1
    )
    lower, upper = 10 ** ((loglam - 0.5) / 1e4), 10 ** ((loglam + 0.5) / 1e4)
    covered, total, noise = np.zeros((3, len(loglam)))
    good = np.flatnonzero(weight > 0)
    low, high = left + step * good, left + step * (good + 1)
    earliest = np.searchsorted(upper, low)
    for i in range(int(step / np.diff(lower).min()) + 2):
        to = np.minimum(earliest + i, len(loglam) - 1)
        shared = np.minimum(upper[to], high) - np.maximum(lower[to], low)
        given = (shared > 0) & (earliest + i < len(loglam))
        to, shared, source = to[given], shared[given], good[given]
        np.add.at(covered, to, shared)
        np.add.at(total, to, shared * weighted[source] / weight[source])
        np.add.at(noise, to, shared**2 / weight[source])
    known = covered >= (upper - lower) / 2
    return (
        loglam / 1e4,
        np.where(known, total / covered, 0),
        np.where(known, covered**2 / noise, 0),
    )


def _nothing(content: bytes, name: str, beside: Beside) -> list[Row]:
    """Give no rows: the catalogue's are those of the spectra beside it."""
    return []


DECODERS = {
    "sdss-spec": _spec,
    "sdss-plate": _plate,
    "sdss-spspec": _spspec,
    "sdss-spzbest": _nothing,
    "sdss-spzline": _nothing,
    "lamost-lrs": _lamost,
    "desi-coadd": _desi,
    "desi-redrock": _nothing,
}
