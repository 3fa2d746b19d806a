"""Libraries that take long to load."""

from __future__ import annotations

import time


def warm() -> None:
    time.sleep(2.5)
