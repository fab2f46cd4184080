"""What may go wrong with a transfer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from urllib3 import exceptions as http


class TransferError(Exception):
    """A failed transfer; the text is the cause, the same for all files that fail alike."""

    def __init__(self, cause: str, *, passing: bool = True, wait: float | None = None) -> None:
        super().__init__(cause)
        self.passing = passing  #: worth another attempt
        self.wait = wait  #: seconds that the server asked for


class AbsentError(TransferError):
    """The server has no such file."""

    def __init__(self) -> None:
        super().__init__("not in the archive", passing=False)


class DamagedError(TransferError):
    """The downloaded bytes are not the file."""


class TooLongError(TransferError):
    """The response is longer than any file that is expected."""

    def __init__(self, what: str) -> None:
        super().__init__(what, passing=False)


@contextlib.contextmanager
def http_problems() -> Iterator[None]:
    """Turn urllib3's errors into `TransferError`."""
    try:
        yield
    except http.LocationValueError:
        raise TransferError("a redirect leads away from http", passing=False) from None
    except http.MaxRetryError:
        raise TransferError("too many redirects", passing=False) from None
    except http.NameResolutionError:
        raise TransferError("the archive's name cannot be resolved") from None
    except (http.ConnectTimeoutError, http.NewConnectionError):
        raise TransferError("no connection") from None
    except http.SSLError:
        raise TransferError("no secure connection") from None
    except http.TimeoutError:
        raise TransferError("the archive stalled") from None
    except http.ProtocolError:
        raise TransferError("the connection was cut") from None
    except http.HTTPError as error:
        raise TransferError(type(error).__name__) from None
