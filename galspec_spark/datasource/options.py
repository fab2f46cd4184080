"""The options of the data source, checked before a file is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from galspec_spark.errors import UserError
from galspec_spark.readers import PIXEL_MASKS

COMMON = ("survey", "release", "ignoreCorruptFiles")
OF_READ = (*COMMON, "pushFilters")
OF_READ_STREAM = (*COMMON, "log", "maxFilesPerTrigger")
#: What Spark calls the argument of ``load``, one path or a list as JSON.
PATHS = ("path", "paths")
SURVEYS = tuple(PIXEL_MASKS)


@dataclass(frozen=True)
class Options:
    """The options of one read."""

    paths: Sequence[str]  #: files, folders, patterns
    survey: str | None  #: only its spectra
    release: str | None
    ignore_corrupt_files: bool
    push_filters: bool
    log: str | None  #: folder of a stream's list of files
    max_files_per_trigger: int | None

    @classmethod
    def of(cls, given: Mapping[str, str], known: Sequence[str]) -> Options:
        """Read options as Spark hands them over, their names in any case.

        Raises
        ------
        UserError
            If an option is not among the known ones, has a wrong value, or a path lacks.
        """
        options = {name.lower(): str(value) for name, value in given.items()}
        names = {name.lower() for name in (*known, *PATHS)}
        if unknown := [name for name in given if name.lower() not in names]:
            raise UserError(f"galspec has no option {unknown[0]!r} here; it has {', '.join(known)}")
        paths = json.loads(options.get("paths", "[]")) or [options.get("path")]
        if paths == [None]:
            raise UserError('galspec needs a path: spark.read.format("galspec").load(path)')
        release = options.get("release")
        if release is not None:
            # Spark starts a Python process for each look at a source; most need no configuration.
            from galspec_spark.config.load import check_setting

            check_setting("release", "ingest.release", release)
        return cls(
            paths,
            _survey(options.get("survey")),
            release,
            _boolean("ignoreCorruptFiles", options),
            _boolean("pushFilters", options),
            options.get("log"),
            _count("maxFilesPerTrigger", options),
        )


def _survey(name: str | None) -> str | None:
    if name is not None and name not in SURVEYS:
        raise UserError(f"survey={name} is no survey: choose {', '.join(SURVEYS)}")
    return name


def _boolean(name: str, options: Mapping[str, str]) -> bool:
    value = options.get(name.lower(), "false")
    if value.lower() not in ("true", "false"):
        raise UserError(f"{name}={value}: choose true or false")
    return value.lower() == "true"


def _count(name: str, options: Mapping[str, str]) -> int | None:
    value = options.get(name.lower())
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and int(value)):
        raise UserError(f"{name}={value}: choose a whole number from 1 on")
    return int(value)
