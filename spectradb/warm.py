"""What takes seconds to load, loaded before anybody asks for it."""

from __future__ import annotations

from django.urls import get_resolver


def load() -> None:
    """Pages, the engine's kernels, and the process that reads strangers' files.

    What is forked afterwards has them all.
    """
    from compute.isolation import start

    start()
    _ = get_resolver().url_patterns  # imports the views
    compile_engine()


def compile_engine() -> None:
    """Multiplets, matching and peaks: what a visitor waits for."""
    from compute.matching.compiled import compile_kernels as of_matching
    from compute.multiplet.compiled import compile_kernels as of_multiplets
    from compute.peaks.compiled import compile_kernels as of_peaks

    of_matching()
    of_multiplets()
    of_peaks()


def compile_kernels() -> None:
    """All kernels, those of series and of learning too."""
    from compute.series.compiled import compile_kernels as of_series
    from ml.compiled import compile_kernels as of_learning

    compile_engine()
    of_series()
    of_learning()
