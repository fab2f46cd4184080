"""A configuration from a YAML file and assignments; an unknown key is an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from galspec_spark.config.section import first_problem
from galspec_spark.config.sections import Config
from galspec_spark.errors import ConfigError


def load_config(path: str | Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file over the defaults, then apply the overrides.

    Parameters
    ----------
    path
        A YAML file; None for the defaults alone.
    overrides
        Assignments such as ``preprocess.folds=3``; the value is read as YAML.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a key or value is invalid.
    """
    config = _validated({} if path is None else _read_yaml(path), f"configuration {path}")
    if not overrides:
        return config
    content = config.model_dump()
    for assignment in overrides:
        _assign(content, assignment)
    return _validated(content, "--set")


def _validated(content: dict[str, object], source: str) -> Config:
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{source}: {first_problem(error)}") from None


def _read_yaml(path: str | Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        found = type(content).__name__
        raise ConfigError(f"{path}: expected sections such as 'preprocess:', found a {found}")
    return content


def _assign(content: dict[str, object], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or "." not in key:
        raise ConfigError(f"--set {assignment}: expected section.key=value")
    *parents, last = key.split(".")
    if parents[0] == "spark":  # Spark's own names have dots
        parents, last = ["spark"], key
    for parent in parents:
        inner = content.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {assignment}: {parent} has no keys of its own")
        content = inner
    try:
        content[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {assignment}: the value is not valid YAML") from None
