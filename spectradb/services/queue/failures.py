"""Why a job failed: a cause to group by, words for a person, and whether trying again can help.

Every error class of ``compute``, ``ml`` and this package says so itself, by the attributes
``cause`` (a short class of failure) and ``permanent`` (whether it would fail the same way again).
"""

from __future__ import annotations

CAUSE_LENGTH = 60


class OutOfMemory(Exception):
    """In the place of the language's own error, which has no words; other jobs may be done soon."""

    cause = "Out of memory"
    permanent = False


class WorkerDied(Exception):
    """A worker that ended while it had a job."""

    cause = "Worker died"
    permanent = False

    def __init__(self, times: int) -> None:
        super().__init__(f"The worker died {times} times while it ran this.")


def told_apart(error: Exception) -> Exception:
    """The error, or ours in its place where the language's own cannot carry a cause."""
    if isinstance(error, MemoryError):
        return OutOfMemory(str(error) or "The machine has not enough memory for this.")
    return error


def cause_of(error: Exception) -> str:
    """A short class of failure; of an error that tells none, its name."""
    given = getattr(told_apart(error), "cause", None)
    if isinstance(given, str) and given:
        return given[:CAUSE_LENGTH]
    return f"Internal error ({type(error).__name__})"[:CAUSE_LENGTH]


def is_permanent(error: Exception) -> bool:
    """Whether it says that trying again gives the same failure."""
    return getattr(told_apart(error), "permanent", None) is True


def may_pass(error: Exception) -> bool:
    """Whether it says that trying again may help; an error that tells nothing does not."""
    return getattr(told_apart(error), "permanent", None) is False


def in_words(error: Exception) -> str:
    """What it says, cut where it is long."""
    return (str(told_apart(error)).strip() or type(error).__name__)[:4000]
