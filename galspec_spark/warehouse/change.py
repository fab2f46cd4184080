"""The small files of a warehouse that say what is being changed, and which format it has."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ValueError(f"{path} leads out of the warehouse")
    return path


Inside = Annotated[str, AfterValidator(_inside)]


class Change(BaseModel):
    """Content of the journal; paths are relative to the warehouse."""

    remove: list[Inside]
    retire: list[Inside] = []  #: parts that go where `open_part` still finds them
    move: list[tuple[Inside, Inside]]  #: a staged file, and its place


class Format(BaseModel):
    """Content of the file that records the format of the tables."""

    format: int
