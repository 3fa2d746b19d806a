"""What the queue's workers call: ids in, one service call each."""

from __future__ import annotations

from spectradb.services import jobs


def take_up_again() -> int:
    """Each minute: jobs of dead workers, and rows whose message the broker lost."""
    return jobs.take_up_again()
