"""Emission lines of the tables, labels and figures."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """An emission line."""

    name: str  #: column prefix, for example ``h_alpha``
    label: str  #: for figures, for example ``Hα``
    wavelength: float  #: rest frame, vacuum, Angstrom
    sdss: str  #: LINENAME in SDSS's SPZLINE table


#: Vacuum wavelengths as in SDSS's SPZLINE table.
LINES: tuple[Line, ...] = (
    Line("oii_3726", "[O II]3726", 3727.092, "[O_II] 3725"),
    Line("oii_3729", "[O II]3729", 3729.875, "[O_II] 3727"),
    Line("h_beta", "Hβ", 4862.683, "H_beta"),
    Line("oiii_4959", "[O III]4959", 4960.295, "[O_III] 4959"),
    Line("oiii_5007", "[O III]5007", 5008.240, "[O_III] 5007"),
    Line("oi_6300", "[O I]6300", 6302.046, "[O_I] 6300"),
    Line("nii_6548", "[N II]6548", 6549.859, "[N_II] 6548"),
    Line("h_alpha", "Hα", 6564.614, "H_alpha"),
    Line("nii_6583", "[N II]6583", 6585.268, "[N_II] 6583"),
    Line("sii_6716", "[S II]6716", 6718.294, "[S_II] 6716"),
    Line("sii_6731", "[S II]6731", 6732.678, "[S_II] 6730"),
)
