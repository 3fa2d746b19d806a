"""Functions that read what strangers send, run in a process that can be killed.

Libraries of C may loop for ever or die on a broken file (libhdf5 does both), and what a file costs
cannot always be told before it is read. :func:`apart` therefore runs a function in a child with
limits of memory and time, and says in words what became of it.
"""

from __future__ import annotations

from compute.isolation.budget import ALLOWANCE, Allowance, unlimited, within
from compute.isolation.inherited import without_secrets
from compute.isolation.parent import StoppedError, apart, apart_within, start

__all__ = [
    "ALLOWANCE",
    "Allowance",
    "StoppedError",
    "apart",
    "apart_within",
    "start",
    "unlimited",
    "within",
    "without_secrets",
]
