"""SDSS: spec files, plates with their catalogues, spSpec."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.io import fits

from galspec_spark.spectrum.lines import LINES
from galspec_spark.warehouse.schemas import LINE_MEASURES
from tests.oracle.common import (
    Beside,
    Refused,
    Row,
    card_of,
    column_of,
    names_of,
    open_fits,
    pixels_of,
    text,
)


def _sdss_names(plate: int, mjd: int, fiber: int) -> Row:
    key = f"{plate:04d}-{mjd}-{fiber:04d}"
    return {"survey": "sdss", "key": key, "plate": plate, "mjd": mjd, "fiber": fiber}


def _object_of(table: fits.BinTableHDU, row: int) -> str | None:
    names = names_of(table)
    if "BESTOBJID" in names:
        best = text(table.data["BESTOBJID"][row])
        return f"bestobjid-{best}" if best.strip("0") else None
    if "THING_ID" in names and table.data["THING_ID"][row] > 0:
        return f"thing-{table.data['THING_ID'][row]}"
    return None


def _lines(names: Any, column: Callable[[str], Any]) -> Row:
    """Return the fits of one object's lines; `column` gives one measure of them all."""
    values = {}
    found = [text(name) for name in names]
    for line in LINES:
        if line.sdss not in found:
            continue
        at = found.index(line.sdss)
        for measure in LINE_MEASURES:
            error = column(f"LINE{measure.removesuffix('_err')}_err".upper())[at]
            value = column(f"LINE{measure}".upper())[at]
            values[f"{line.name}_{measure}"] = float(value) if error > 0 else None
    return values


def spec(content: bytes, name: str, beside: Beside) -> list[Row]:
    with open_fits(content) as hdus:
        coadd, catalogue, lines = hdus[1], hdus[2], hdus[3]
        (target,) = catalogue.data
        names = names_of(catalogue)

        def optional(*columns: str) -> Any:
            value = next((target[column] for column in columns if column in names), None)
            return text(value) if isinstance(value, str) else value

        row = {
            **_sdss_names(*(column_of(catalogue, n, "i")[0] for n in ("PLATE", "MJD", "FIBERID"))),
            "run2d": optional("RUN2D"),
            "object_id": _object_of(catalogue, 0),
            "source_type": optional("SOURCETYPE", "OBJTYPE"),
            "ra": column_of(catalogue, "PLUG_RA", "f")[0],
            "dec": column_of(catalogue, "PLUG_DEC", "f")[0],
            "z": column_of(catalogue, "Z", "f")[0],
            "z_err": optional("Z_ERR"),
            "zwarning": column_of(catalogue, "ZWARNING", "i")[0],
            "class": text(target["CLASS"]),
            "subclass": text(target["SUBCLASS"]),
            "sn_median": optional("SN_MEDIAN_ALL"),
            **_coadd(coadd),
        }
        if any(name.startswith("LINE") for name in names_of(lines)):
            row.update(_lines(lines.data["LINENAME"], lambda n: column_of(lines, n, "f")))
        return [row]


def spec_of_a_field(content: bytes, name: str, beside: Beside) -> list[Row]:
    """Read SDSS-V's files, in which DR18 has the field of the imaging survey in SPALL."""
    with open_fits(content) as hdus:
        coadd, catalogue, zall, lines = hdus[1], hdus[2], hdus[3], hdus[4]
        (target,) = catalogue.data
        names = names_of(catalogue)
        word = name.split("-")[1] if name.startswith("spec-") else "0"
        where = zall if "CAMCOL" in names else catalogue
        number = int(column_of(where, "FIELD", "i")[0])
        field = f"{number:06d}" if word.isdigit() else word
        if word.isdigit() and not number > 0:
            raise Refused("no field")
        catalog_id = int(column_of(catalogue, "CATALOGID", "iu")[0])
        mjd = int(column_of(catalogue, "MJD", "i")[0])
        fibers = {target["FIBERID"]} if "FIBERID" in names else set()
        if "FIBERID_LIST" in names:
            fibers = {int(fiber) for fiber in text(target["FIBERID_LIST"]).split()}
        fiber = min(fibers) if len(fibers) == 1 else None
        sdss_id = target["SDSS_ID"] if "SDSS_ID" in names else 0
        kind = text(target["OBJTYPE"])
        object_id = f"catalogid-{catalog_id}" if catalog_id > 0 else None
        object_id = f"sdss_id-{sdss_id}" if sdss_id > 0 else object_id
        return [
            {
                "survey": "sdss",
                "key": f"{field}-{mjd}-{catalog_id if catalog_id else fiber}",
                "mjd": mjd,
                "fiber": fiber,
                "field": field,
                "target_id": catalog_id,
                "object_id": None if kind == "SKY" else object_id,
                "run2d": text(target["RUN2D"]),
                "source_type": kind,
                "ra": column_of(catalogue, "PLUG_RA", "f")[0],
                "dec": column_of(catalogue, "PLUG_DEC", "f")[0],
                "z": column_of(catalogue, "Z", "f")[0],
                "z_err": target["Z_ERR"] if "Z_ERR" in names else None,
                "zwarning": column_of(catalogue, "ZWARNING", "i")[0],
                "class": text(target["CLASS"]),
                "subclass": text(target["SUBCLASS"]),
                "sn_median": target["SN_MEDIAN_ALL"] if "SN_MEDIAN_ALL" in names else None,
                **_coadd(coadd),
                **_lines(lines.data["LINENAME"], lambda n: column_of(lines, n, "f")),
            }
        ]


def _coadd(table: fits.BinTableHDU) -> Row:
    return {
        "loglam": np.asarray(column_of(table, "LOGLAM", "f"), np.float64),
        "flux": np.asarray(column_of(table, "FLUX", "f"), np.float32),
        "ivar": np.asarray(column_of(table, "IVAR", "f"), np.float32),
        "and_mask": np.asarray(column_of(table, "AND_MASK", "iu")),
        "or_mask": np.asarray(column_of(table, "OR_MASK", "iu")),
    }


def plate(content: bytes, name: str, beside: Beside) -> list[Row]:
    with open_fits(content) as hdus:
        header = hdus[0].header
        plate, mjd = header["PLATEID"], header["MJD"]
        flux, ivar, and_mask, or_mask = (
            pixels_of(hdus[i], kinds) for i, kinds in enumerate(("f", "f", "iu", "iu"))
        )
        plugmap = hdus[5]
        rows = []
        for i, number in enumerate(column_of(plugmap, "FIBERID", "i")):
            plugged = number > 0
            rows.append(
                {
                    **_sdss_names(plate, mjd, int(number) if plugged else i + 1),
                    "run2d": None if card_of(header, "RUN2D") is None else str(header["RUN2D"]),
                    "source_type": text(plugmap.data["OBJTYPE"][i]) or None,
                    "ra": column_of(plugmap, "RA", "f")[i] if plugged else None,
                    "dec": column_of(plugmap, "DEC", "f")[i] if plugged else None,
                    "loglam": header["COEFF0"] + header["COEFF1"] * np.arange(flux.shape[1]),
                    "flux": np.asarray(flux[i], np.float32),
                    "ivar": np.asarray(ivar[i], np.float32),
                    "and_mask": and_mask[i],
                    "or_mask": or_mask[i],
                }
            )
        runs = ["", *(f"{card_of(header, n)}/" for n in ("RUN1D", "RUN2D"))]
    for kind, decode in (("spZbest", _zbest_of), ("spZline", _zline_of)):
        names = [f"{run}{kind}-{plate:04d}-{mjd}.fits{gz}" for run in runs for gz in ("", ".gz")]
        found = next((beside[name] for name in names if name in beside), None)
        if found is not None:
            with open_fits(found) as hdus:
                for row in rows:
                    row.update(decode(hdus[1], row["fiber"]))
    return rows


def _rows_of(catalogue: fits.BinTableHDU, fiber: int) -> Any:
    for name in ("PLATE", "MJD"):
        if len(set(column_of(catalogue, name, "i").tolist())) != 1:
            raise Refused(f"the catalogue has several of {name}")
    return np.flatnonzero(column_of(catalogue, "FIBERID", "i") == fiber)


def _zbest_of(catalogue: fits.BinTableHDU, fiber: int) -> Row:
    found = _rows_of(catalogue, fiber)
    if not len(found):
        return {}
    (i,) = found
    names = names_of(catalogue)
    sn_median = next((n for n in ("SN_MEDIAN_ALL", "SN_MEDIAN") if n in names), None)
    return {
        "object_id": _object_of(catalogue, i),
        "z": column_of(catalogue, "Z", "f")[i],
        "z_err": column_of(catalogue, "Z_ERR", "f")[i],
        "zwarning": column_of(catalogue, "ZWARNING", "i")[i],
        "class": text(catalogue.data["CLASS"][i]),
        "subclass": text(catalogue.data["SUBCLASS"][i]),
        "sn_median": column_of(catalogue, sn_median, "f")[i] if sn_median else None,
    }


def _zline_of(catalogue: fits.BinTableHDU, fiber: int) -> Row:
    found = _rows_of(catalogue, fiber)
    return _lines(catalogue.data["LINENAME"][found], lambda n: column_of(catalogue, n, "f")[found])


#: SPEC_CLN of spectro1d; 0 is unknown, 5 is sky.
SPECTRO1D_CLASSES = {1: "STAR", 2: "GALAXY", 3: "QSO", 4: "QSO", 6: "STAR", 7: "GALAXY"}


def spspec(content: bytes, name: str, beside: Beside) -> list[Row]:
    with open_fits(content) as hdus:
        header, data = hdus[0].header, pixels_of(hdus[0], "f")
        error = data[2].astype(np.float64)
        kind = card_of(header, "SPEC_CLN")
        row = {
            **_sdss_names(header["PLATEID"], header["MJD"], header["FIBERID"]),
            "source_type": "SKY" if kind == 5 else card_of(header, "OBJTYPE"),
            "class": SPECTRO1D_CLASSES.get(kind) if type(kind) is int else None,
            "loglam": header["COEFF0"] + header["COEFF1"] * np.arange(data.shape[1]),
            "flux": data[0].astype(np.float32),
            "ivar": np.where(error > 0, error**-2.0, 0),
        }
        for column, card in (("ra", "RAOBJ"), ("dec", "DECOBJ"), ("z", "Z"), ("z_err", "Z_ERR")):
            row[column] = card_of(header, card)
        for hdu in hdus[1:7]:
            if {"ANDMASK", "ORMASK"} <= set(names_of(hdu)):
                row["and_mask"] = np.asarray(column_of(hdu, "andMask", "iu"))
                row["or_mask"] = np.asarray(column_of(hdu, "orMask", "iu"))
                break
        return [row]
