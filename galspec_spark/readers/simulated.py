"""The mark of simulated spectra: `galspec_spark.simulate` writes it, readers carry it on."""

from __future__ import annotations

#: Keyword and value of a card of the primary header.
KEYWORD, VALUE = "VERS2D", "simulated"
#: The card as it begins in the file.
CARD = f"{KEYWORD:<8}= '{VALUE}'".encode("ascii")


def is_simulated(primary: bytes) -> bool:
    """Tell whether a primary header, of whole cards, says that its file is simulated."""
    place = primary.find(CARD)
    return place >= 0 and place % 80 == 0
