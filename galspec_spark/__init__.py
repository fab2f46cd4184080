"""From a spectroscopic survey's FITS archive to a classified galaxy catalogue, on Apache Spark.

``import galspec_spark as gs`` offers the names of ``__all__``; each is imported when it is first
asked for, so that a kernel in a task does not wait for Spark ML.
"""

from __future__ import annotations

import sys
from importlib import import_module
from inspect import Signature, signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from galspec_spark.api.frame import preprocess_frame
    from galspec_spark.api.model import Model
    from galspec_spark.api.plot import plot
    from galspec_spark.api.spectra import Spectrum, read, rest_frame
    from galspec_spark.api.stages import classify, ingest, measure, preprocess, release, train
    from galspec_spark.api.warehouse import Warehouse
    from galspec_spark.config import Config, load_config
    from galspec_spark.errors import UserError
    from galspec_spark.harness.session import session
    from galspec_spark.spectrum.grid import wavelength
    from galspec_spark.udfs import register

__version__ = "0.2.0"

__all__ = [
    "Config",
    "Model",
    "Spectrum",
    "UserError",
    "Warehouse",
    "classify",
    "ingest",
    "load_config",
    "measure",
    "plot",
    "preprocess",
    "preprocess_frame",
    "read",
    "register",
    "release",
    "rest_frame",
    "session",
    "train",
    "wavelength",
]

_STAGES = ("ingest", "preprocess", "measure", "train", "classify", "release")
#: Where the names come from.
_HOMES = {
    **dict.fromkeys(_STAGES, "api.stages"),
    **dict.fromkeys(("Spectrum", "read", "rest_frame"), "api.spectra"),
    **dict.fromkeys(("Config", "load_config"), "config"),
    "Model": "api.model",
    "UserError": "errors",
    "Warehouse": "api.warehouse",
    "plot": "api.plot",
    "preprocess_frame": "api.frame",
    "register": "udfs",
    "session": "harness.session",
    "wavelength": "spectrum.grid",
}


def __getattr__(name: str) -> object:
    """Import a name of ``__all__``."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]


class _Room(ModuleType):
    """A room of the package that has the name of a stage: calling it runs the stage."""

    @property
    def __signature__(self) -> Signature:
        return signature(_stage(self))

    def __call__(self, *args: object, **options: object) -> object:
        return _stage(self)(*args, **options)


def _stage(room: ModuleType) -> Any:
    return getattr(import_module(f"{__name__}.api.stages"), room.__name__.rpartition(".")[2])


class _Package(ModuleType):
    """Makes its rooms callable when Python binds them to their names."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _STAGES and isinstance(value, ModuleType):
            value.__class__ = _Room
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
