"""What options may say: given once, not empty, and checked like the configuration's keys."""

from __future__ import annotations

import argparse
import re
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from galspec_spark.config import check_setting
from galspec_spark.errors import ConfigError
from galspec_spark.warehouse.addresses import SLASHES_LACK, read_address
from galspec_spark.warehouse.lock import check_free
from galspec_spark.warehouse.storage import Location

#: An address that begins with a user, or a user and a password.
CREDENTIALS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:/{1,3}[^/?#\s]*@")
#: An assignment that has the address of a webhook.
WEBHOOK = re.compile(r"\s*monitoring\b.*\bwebhook\W+https?:", re.DOTALL)


def local_path(text: str) -> str:
    """Return the value of an option that takes a path of this machine.

    Raises
    ------
    ConfigError
        If it is an address of another place.
    """
    if "://" not in text or CREDENTIALS.match(text):  # `check_texts` tells of a password
        return text
    place = Location.of(text)
    if not place.is_local:
        raise ConfigError(f"{text}: here a local path is needed, or one that all machines see")
    return place.path


def add_warehouse(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a warehouse."""
    parser.add_argument(
        "--warehouse", default="warehouse", metavar="DIR", help="folder of the tables"
    )


def check_unlocked(args: argparse.Namespace) -> None:
    """Fail if another job is writing to the warehouse that the options name."""
    check_free(Location.of(args.warehouse), secrets.token_hex(8))


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a model."""
    parser.add_argument(
        "--model",
        type=local_path,
        default="run/model",
        metavar="DIR",
        help="model folder of a training run",
    )


def add_setting(parser: argparse._ActionsContainer, option: str, key: str, **more: Any) -> None:
    """Add an option that sets a key of the configuration, such as ``ingest.release``.

    The configuration's hash knows the value, and it wins over ``--set``.
    """
    parser.add_argument(
        option, dest=key, type=value_of(option, key), default=argparse.SUPPRESS, **more
    )


def add_release(parser: argparse.ArgumentParser, text: str, *, required: bool = False) -> None:
    """Add the option that names a data release of a warehouse, with its help."""
    parser.add_argument(
        "--release",
        type=value_of("--release", "ingest.release"),
        required=required,
        metavar="NAME",
        help=text,
    )


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a file of a person's labels."""
    add_setting(
        parser,
        "--labels",
        "preprocess.labels",
        metavar="FILE",
        help="a person's labels, which win over the survey's: CSV or Parquet with columns "
        "spectrum_id and label",
    )


def value_of(option: str, key: str) -> Callable[[str], object]:
    """Return the type of an option that takes what a key of the configuration takes."""
    return partial(check_setting, option, key)


def settings_of(args: argparse.Namespace) -> dict[str, object]:
    """Return the values of the options that set keys of the configuration, by key."""
    return {name: value for name, value in vars(args).items() if "." in name}


class GivenOnce(argparse.Action):
    """Stores the value of an option, and refuses a second one, which would hide the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value."""
        if getattr(namespace, self.dest, self.default) is not self.default:
            raise ConfigError(f"{option_string} is there twice: give it once")
        setattr(namespace, self.dest, values)


def check_texts(args: argparse.Namespace) -> None:
    """Refuse empty texts, which an empty variable of a shell script leaves, and credentials.

    Raises
    ------
    ConfigError
        If an option has an empty value, is an address with a password or without its slashes, or
        sets a webhook.
    """
    for name, value in vars(args).items():
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str):
                continue
            option = "--" + ("set" if name == "overrides" else name.replace("_", "-"))
            if not text.strip():
                raise ConfigError(f"{option} is empty: give it a value, or leave it out")
            if CREDENTIALS.match(text):
                raise ConfigError(
                    f"{option} is an address with a user or password, which logs and summaries "
                    "would keep: set them in the environment"
                )
            if WEBHOOK.match(text):
                raise ConfigError(
                    f"{option} has the address of a webhook, which Spark's logs and other users of "
                    "the machine would see: set GALSPEC_WEBHOOK in the environment, or "
                    "monitoring.webhook in a file for --config"
                )
            if SLASHES_LACK.match(text):
                read_address(text)
