"""Whether a file was written by `galspec_spark.simulate`: simulated data must say so."""

from __future__ import annotations

from functools import lru_cache

from galspec_spark.errors import UserError
from galspec_spark.warehouse.storage import Location

#: The card of the primary header that the simulation writes, in its first block.
CARD, BLOCK_BYTES = b"VERS2D  = 'simulated'", 2880


@lru_cache(maxsize=4096)
def is_simulated(file: str) -> bool:
    """Tell whether the header of a file says so; False where the file is gone."""
    try:
        with Location.of(file).open() as content:
            return CARD in content.read(BLOCK_BYTES)
    except (OSError, UserError):
        return False
