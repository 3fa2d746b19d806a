"""One file of one person is read at a time, and all files of one request within ten seconds.

Whoever sends what takes long waits for its answer alone: the other workers of the server stay free
for other people. A turn is a lock on a file, so that it holds over all processes of a host and ends
with the process that has it, however that ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from compute.isolation import within
from spectradb.throttle import Throttle

View = Callable[..., HttpResponse]
ANSWER_SECONDS = 8.0  # of reading: the request is then answered in ten, on a busy machine too
RETRY_SECONDS = 5
_WAIT_SECONDS = 1.0  # most files take less than a tenth of it
_POLL_SECONDS = 0.05
_LOCKS = 4096  # files; two people of one lock wait for each other, no more


class TurnTakenError(RuntimeError):
    """Another file of this person is being read."""

    cause = "Another file is being read"
    permanent = False


@contextmanager
def turn(request: HttpRequest) -> Iterator[None]:
    """Inside, this person's files are read, within ``ANSWER_SECONDS``.

    Raises
    ------
    TurnTakenError
        If another request of the same account (or address) reads one.
    """
    lock = _lock(str(Throttle("ask").get_cache_key(request, None)))
    try:
        with within(ANSWER_SECONDS):
            yield
    finally:
        os.close(lock)


def one_at_a_time(refuse: Callable[[HttpRequest], HttpResponse]) -> Callable[[View], View]:
    """Take a turn for what is posted; answer ``refuse(request)`` where there is none."""

    def decorate(view: View) -> View:
        @wraps(view)
        def taking(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method != "POST":
                return view(request, *args, **kwargs)
            try:
                with turn(request):
                    return view(request, *args, **kwargs)
            except TurnTakenError:
                answer = refuse(request)
                answer["Retry-After"] = str(RETRY_SECONDS)
                return answer

        return taking

    return decorate


def _lock(person: str) -> int:
    """The open file whose lock is this person's turn."""
    folder = settings.VAR_DIR / "turns"
    folder.mkdir(parents=True, exist_ok=True)
    number = int.from_bytes(hashlib.sha256(person.encode()).digest()[:4], "big") % _LOCKS
    file = os.open(folder / f"{number:04d}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(_POLL_SECONDS)
                continue
            os.close(file)
            raise TurnTakenError(
                "another file of yours is being read; send this one again"
            ) from None
        except OSError:
            os.close(file)
            raise
        return file
