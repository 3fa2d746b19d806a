"""What takes seconds to load, loaded before anybody asks for it."""

from __future__ import annotations

from django.urls import get_resolver


def load() -> None:
    """Pages, the engine's kernels, and the process that reads strangers' files.

    What is forked afterwards has them all.
    """
    from compute.isolation import start
    from compute.multiplet.warm import compile_kernels

    start()
    _ = get_resolver().url_patterns  # imports the views
    compile_kernels()
