"""A configuration from a YAML file, assignments and options; an unknown key is an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from galspec_spark.config.section import first_problem
from galspec_spark.config.sections import Config
from galspec_spark.errors import ConfigError

#: The package's own configurations, and the start of Spark on one machine.
CONF = Path(__file__).parents[1] / "conf"
SHIPPED = tuple(sorted(path.stem for path in CONF.glob("*.yaml")))


def load_config(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    settings: Mapping[str, object] | None = None,
) -> Config:
    """Read a configuration file over the defaults, then apply the overrides and the settings.

    Parameters
    ----------
    path
        A YAML file, or a name of `SHIPPED`; None for the defaults alone.
    overrides
        Assignments such as ``preprocess.folds=3``; the value is read as YAML.
    settings
        Values of keys such as ``ingest.release``, from `check_setting`.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a key or value is invalid.
    """
    config = _validated({} if path is None else _read_yaml(path), f"configuration {path}")
    if not overrides and not settings:
        return config
    content = config.model_dump()
    for assignment in overrides:
        _assign(content, *_parsed(assignment))
    for key, value in (settings or {}).items():
        _assign(content, key, value)
    return _validated(content, "--set" if overrides else "options")


def check_setting(option: str, key: str, text: str) -> object:
    """Return the value of an option that means a key of the configuration.

    Raises
    ------
    ConfigError
        If the key does not take this value; the message names the option.
    """
    section, _, name = key.partition(".")
    try:
        config = Config.model_validate({section: {name: text}})
    except ValidationError as error:
        problem = first_problem(error).removeprefix(f"{key}: ")
        raise ConfigError(f"{option}: {problem}") from None
    return getattr(getattr(config, section), name)


def _validated(content: dict[str, object], source: str) -> Config:
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{source}: {first_problem(error)}") from None


class _Loader(yaml.SafeLoader):
    """Reads YAML in which no key is stated twice; the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen = set()
        for key_node, _ in node.value:
            key = (key_node.tag, str(key_node.value))
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key_node.value!r} is there twice",
                    problem_mark=key_node.start_mark,
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _yaml(content: str | bytes) -> object:
    """Read YAML.

    Raises
    ------
    ValueError
        With the line and the problem, not with the text, which may hold a secret.
    """
    try:
        return yaml.load(content, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ValueError(f"line {mark.line + 1 if mark else '?'}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from None


def _file(path: str | Path) -> Path:
    """Return a file; a name without a path means one of the package's own."""
    return CONF / f"{path}.yaml" if path in SHIPPED else Path(path)


def _read_yaml(path: str | Path) -> dict[str, object]:
    try:
        content = _yaml(_file(path).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"cannot read the configuration {path}: {error.strerror}; "
            f"those of the package are {', '.join(SHIPPED)}"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        found = type(content).__name__
        raise ConfigError(f"{path}: expected sections such as 'preprocess:', found a {found}")
    return content


def _parsed(assignment: str) -> tuple[str, object]:
    """Return the key and the value of an assignment; messages leave out the value."""
    key, equals, text = assignment.partition("=")
    if not equals or "." not in key:
        raise ConfigError(f"--set {key}: expected section.key=value")
    try:
        value = _yaml(text)
    except ValueError as error:
        raise ConfigError(f"--set {key}: the value is not valid YAML: {error}") from None
    if value is None and text.strip().lower() not in ("null", "~"):
        raise ConfigError(f"--set {key}: the value is empty; write null, or '' for an empty text")
    return key, value


def _assign(content: dict[str, object], key: str, value: object) -> None:
    *parents, last = key.split(".")
    if parents[0] == "spark":  # Spark's own names have dots
        parents, last = ["spark"], key
    for parent in parents:
        inner = content.setdefault(parent, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {key}: {parent} has no keys of its own")
        content = inner
    content[last] = value
