"""One writer to a folder at a time; a dead writer's lock expires by itself.

On a local or shared file system the lock is the process's own (flock). Elsewhere a writer keeps a
claim, a file that it rewrites every few seconds. A claim that was not renewed for a minute is
dead; ages are differences between times of the storage, so clocks need not agree. Listings of S3
and HDFS show every finished write, so of two writers that come at once at least one sees the other.
"""

from __future__ import annotations

import fcntl
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from galspec_spark.errors import UserError
from galspec_spark.warehouse.storage import Location

RENEW, DEAD_AFTER, LOOK = 10.0, 60.0, 0.05  # seconds
#: Two writers that see each other's claim both withdraw and try again a little later.
TRIES = 3


@contextmanager
def hold_lock(root: Location, name: str, *, wait: bool = False) -> Iterator[Callable[[], None]]:
    """Hold the lock of a folder; yield a function that fails if the lock was lost.

    Parameters
    ----------
    root
        The folder.
    name
        Unique name of the run.
    wait
        Wait for another writer to finish instead of failing.

    Raises
    ------
    UserError
        If another job holds the lock.
    """
    holding = _process_lock(root, wait) if root.is_local else _claim(root / "_locks", name, wait)
    with holding as check:
        yield check


def check_free(root: Location, name: str) -> None:
    """Fail where `hold_lock` would, at a look: a job may look before a start that takes seconds.

    Parameters
    ----------
    root
        The folder, which may not exist.
    name
        Unique name of the run.

    Raises
    ------
    UserError
        If another job holds the lock.
    """
    if root.is_local:
        _check_process_lock(root)
    else:
        _check_claims(root, name)


def _check_process_lock(root: Location) -> None:
    try:
        with Path(root.path, "_lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return
    except BlockingIOError:
        raise _refused(root) from None


def _check_claims(root: Location, name: str) -> None:
    claims = [status.mtime_ns for status in (root / "_locks").files()]
    if not claims:
        return
    clock = root / f"_clock-{name}"  # its time is the storage's own
    clock.write(b"")
    now = clock.status().mtime_ns
    clock.delete()
    if any(now - renewed <= DEAD_AFTER * 1e9 for renewed in claims):
        raise _refused(root)


def _refused(root: Location) -> UserError:
    return UserError(f"another job is writing to {root}: wait until it ends")


@contextmanager
def _process_lock(root: Location, wait: bool) -> Iterator[Callable[[], None]]:
    root.make_folder()
    with Path(root.path, "_lock").open("w") as lock:
        if wait:
            fcntl.flock(lock, fcntl.LOCK_EX)
        else:
            _take_process_lock(lock, root)
        yield lambda: None  # it cannot be lost while the process lives


def _take_process_lock(lock: TextIO, root: Location) -> None:
    """Take the lock at once; a look of `check_free` holds it for less than `LOOK`."""
    for attempt in range(TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt == TRIES - 1:
                raise _refused(root) from None
            time.sleep(LOOK)
        else:
            return


@contextmanager
def _claim(folder: Location, name: str, wait: bool) -> Iterator[Callable[[], None]]:
    claim = folder / f"{name}.claim"
    attempts = 0
    while not _taken(folder, claim):
        attempts += 1
        if not wait and attempts == TRIES:
            raise _refused(folder.parent)
        time.sleep(random.uniform(0.5, 2.0))
    ended = threading.Event()
    renewed = [time.monotonic()]

    def renew() -> None:
        while not ended.wait(RENEW):
            if not claim.exists():  # another writer took the claim for dead
                return
            claim.write(name.encode())
            renewed[0] = time.monotonic()

    def check() -> None:
        if time.monotonic() - renewed[0] > DEAD_AFTER / 2 or not claim.exists():
            raise UserError(
                f"the lock of {folder.parent} was lost, for example while the machine slept: "
                "nothing was kept; run the same command again"
            )

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield check
    finally:
        ended.set()
        thread.join()
        claim.delete()


def _taken(folder: Location, claim: Location) -> bool:
    """Claim the lock; withdraw and return False if another claim is alive."""
    claim.write(claim.name.encode())
    claims = {status.path: status.mtime_ns for status in folder.files()}
    own = claims.pop(claim.path)
    for path, renewed in claims.items():
        if own - renewed <= DEAD_AFTER * 1e9:
            claim.delete()
            return False
        Location(path).delete()
    return True
