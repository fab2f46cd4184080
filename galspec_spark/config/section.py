"""Base of all sections of the configuration."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

Fraction = Annotated[float, Field(ge=0, le=1)]
#: Numpy takes no negative seed, Java none of more than 63 bits.
Seed = Annotated[int, Field(ge=0, lt=2**63)]
#: Path of a file; null, not an empty text, stands for none.
FileName = Annotated[str, Field(pattern=r"\S")]


def _release_name(name: str) -> str:
    """Refuse what is no name of a folder in every file system, and no value of a partition."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ValueError(
            f"{name!r} is no name of a release: expected a letter or digit, then at most 63 "
            "letters, digits, '.', '_' and '-'"
        )
    return name


ReleaseName = Annotated[str, AfterValidator(_release_name)]


def _scalar(value: object) -> object:
    """Refuse lists and mappings, and read 1e-6 as a number (in YAML 1.1 it is a string)."""
    if isinstance(value, list | tuple | dict):
        raise ValueError("expected a single value")
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+", value):
        return float(value)
    return value


ParamValue = Annotated[bool | int | float | str, BeforeValidator(_scalar)]


class Section(BaseModel):
    """Base of all sections: no unknown keys, no changes after reading, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, content: object) -> object:
        return {} if content is None else content  # a section whose keys are all commented out


def first_problem(error: ValidationError) -> str:
    """Return the first problem in one line: place, message and number of further problems."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    what = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        what = "unknown key; conf/default.yaml lists them all"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {what}{more}"
