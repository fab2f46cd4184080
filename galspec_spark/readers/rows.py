"""Types that readers decode and return: header cards, and rows of the table ``spectra``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Cards = Mapping[str, Any]  #: values of header cards or of columns, by name
Row = dict[str, Any]  #: columns of a spectrum (`schemas.SPECTRA`): native values and numpy arrays
