"""Crystals by the batch, so that memory hangs on no list's length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ml.crystals import Crystal

_ATOMS = 400


def batches(crystals: Sequence[Crystal]) -> Iterator[list[Crystal]]:
    """As many crystals as have 400 atoms, in their order; a larger one ends its batch."""
    batch: list[Crystal] = []
    waiting = 0
    for crystal in crystals:
        batch.append(crystal)
        waiting += len(crystal.numbers)
        if waiting >= _ATOMS:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch
