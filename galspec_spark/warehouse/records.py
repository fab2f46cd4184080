"""Small JSON files that a later run reads back; `warehouse.storage.write_json` writes them."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from galspec_spark.errors import UserError
from galspec_spark.warehouse.storage import Location

Content = TypeVar("Content")


def read_json(place: Location, kind: type[Content], remedy: str) -> Content:
    """Read a JSON file of known content.

    Parameters
    ----------
    kind
        The type of the content.
    remedy
        What the user has to do if the file is damaged.

    Raises
    ------
    UserError
        If it is empty, cut, damaged or of another version; the message names the file.
    """
    content = place.read()
    try:
        return TypeAdapter(kind).validate_json(content)
    except ValidationError as error:
        is_json = error.errors()[0]["type"] != "json_invalid"
        what = "damaged or of another version" if is_json else "damaged: it is not whole JSON"
        found = what if content.strip(b"\0 \n") else "empty"
        raise UserError(f"{place} is {found}; {remedy}") from None
