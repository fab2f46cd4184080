"""What a loss of power must not undo."""

from __future__ import annotations

import errno
import os


def sync(path: str) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some mounts know no such thing
            raise
    finally:
        os.close(opened)
