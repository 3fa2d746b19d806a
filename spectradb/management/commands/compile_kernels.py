"""Compile kernels, at installation rather than for the first visitor."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Compile the kernels of multiplets and of series into Numba's cache (NUMBA_CACHE_DIR), so "
        "that the first visitor after an installation or an upgrade does not wait for it."
    )

    def handle(self, **options: Any) -> None:
        from compute.multiplet.warm import compile_kernels
        from compute.series.compiled import compile_kernels as compile_series

        compile_kernels()
        compile_series()
        self.stderr.write("Kernels are compiled.")
