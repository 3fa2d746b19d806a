"""Files that several processes want at once: one makes them, and they are there whole or not."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_LOCK = ".lock"
_PART = ".part"
_ABANDONED = 24 * 3600.0  # seconds: what a process that was killed left


@contextmanager
def one_at_a_time(place: Path) -> Iterator[None]:
    """Nobody else on this host is inside for the same place meanwhile; others wait.

    The lock ends with its process, however that ends.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / f".{place.name}{_LOCK}").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def whole_or_not(place: Path) -> Iterator[Path]:
    """A name of its own for a file or folder, which takes the place when all went well.

    Where another process was first, its work stays: both made the same.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.parent / f".{place.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}{_PART}"
    try:
        yield part
        if not (part.is_dir() and place.exists()):  # a folder cannot take the place of another
            part.replace(place)
    except OSError:
        if not place.exists():
            raise
    finally:
        remove(part)


def remove(place: Path) -> None:
    """A file or a folder with all in it, if it is there."""
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def clear(folders: Sequence[Path], *, max_days: float, max_bytes: float) -> int:
    """Remove what in these folders has not been used for so long, then the longest unused until
    the rest fits.

    Returns
    -------
    int
        Bytes that were freed.
    """
    now, freed, rest = time.time(), 0, list[tuple[float, int, Path]]()
    places = [place for folder in folders if folder.is_dir() for place in folder.iterdir()]
    for place in places:
        if place.suffix == _LOCK or place in folders:  # who waits for a lock holds it open
            continue
        used, size = _used(place)
        old = _ABANDONED if place.suffix == _PART else max_days * 86400
        if now - used > old:
            remove(place)
            freed += size
        elif place.suffix != _PART:
            rest.append((used, size, place))
    total = sum(size for _, size, _ in rest)
    for _, size, place in sorted(rest):
        if total <= max_bytes:
            break
        remove(place)
        total -= size
        freed += size
    return freed


def _used(place: Path) -> tuple[float, int]:
    """When it was last used or changed, and its bytes."""
    inside = [place, *place.rglob("*")] if place.is_dir() else [place]
    stats = [one.stat() for one in inside if one.exists()]
    size = sum(one.st_size for one in stats if not stat.S_ISDIR(one.st_mode))
    return max((one.st_mtime for one in stats), default=0.0), size
