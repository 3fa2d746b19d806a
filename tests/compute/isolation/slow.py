"""Libraries that take long to load."""

from __future__ import annotations

import time

# What the call itself needs: to import it is no part of what is measured.
from tests.compute.isolation import reading as reading


def warm() -> None:
    time.sleep(2.5)
