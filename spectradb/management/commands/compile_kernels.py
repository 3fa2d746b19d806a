"""Compile kernels, at installation rather than for the first visitor."""

from __future__ import annotations

import shutil
import time
from typing import Any

from django.core.management.base import BaseCommand

_OLD_DAYS = 30


class Command(BaseCommand):
    help = (
        "Compile all kernels (multiplets, matching, peaks, series, learning) into Numba's cache "
        "(NUMBA_CACHE_DIR), so that the first visitor after an installation or an upgrade does not "
        "wait for it. What was compiled from other sources is removed after a month."
    )

    def handle(self, **options: Any) -> None:
        from compute.jit import folder
        from spectradb.warm import compile_kernels

        compile_kernels()
        kept = folder()
        for other in kept.parent.glob("kernels-*") if kept else ():
            if other != kept and other.stat().st_mtime < time.time() - _OLD_DAYS * 86400:
                shutil.rmtree(other, ignore_errors=True)
        self.stderr.write("Kernels are compiled.")
