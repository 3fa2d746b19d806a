"""Batches that a thread makes ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ml.prefetch import ahead


def counted(n: int, made: list[int]) -> Iterator[int]:
    for k in range(n):
        made.append(k)
        yield k


def test_they_come_in_their_order_and_are_made_before_they_are_asked_for() -> None:
    made: list[int] = []
    items = ahead(counted(20, made))
    first = next(items)
    for _ in range(100):
        if len(made) > 1:
            break
        threading.Event().wait(0.02)
    assert (first, len(made) > 1) == (0, True)
    assert list(items) == list(range(1, 20))


def test_no_more_are_made_than_a_few_ahead_and_none_after_the_last_is_used() -> None:
    made: list[int] = []
    items = ahead(counted(1000, made))
    next(items)
    items.close()  # type: ignore[attr-defined]  # a generator
    known = len(made)
    threading.Event().wait(0.3)
    assert known == len(made) <= 6


def test_an_error_of_making_one_is_raised() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    with pytest.raises(ValueError, match="the second"):
        list(ahead(broken()))
