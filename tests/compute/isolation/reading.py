"""Functions that a test sends into a child."""

from __future__ import annotations

import os
import time

import numpy as np

from compute.errors import InputError
from compute.io.question import Choice, Question, QuestionError


def parent() -> int:
    return os.getppid()


def process() -> int:
    return os.getpid()


def variables() -> list[str]:
    return sorted(os.environ)


def loop() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(60)


def crash() -> None:
    os.abort()


def grow() -> int:
    return len(np.ones(10**9))


def answer_much() -> bytes:
    return bytes(2 * 2**20)


def deep(n: int = 0) -> int:
    return deep(n + 1) + 1


def fault() -> None:
    raise KeyError("no such thing")


def refuse(value: object) -> None:
    raise InputError("charge", value, "is none")


def ask() -> None:
    raise QuestionError(Question("Which?", (Choice("this", (("signal", "1"),)),)))


class Unusual:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


def unusual() -> Unusual:
    return Unusual()
