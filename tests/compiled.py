"""How many signatures kernels have: what is compiled for a question shows as one more."""

from __future__ import annotations

from types import ModuleType

from numba.core.dispatcher import Dispatcher


def signatures(*modules: ModuleType) -> dict[str, int]:
    """Of each kernel of the modules; those that are put into others are not called themselves."""
    return {
        f"{module.__name__}.{name}": len(one.signatures)
        for module in modules
        for name, one in vars(module).items()
        if isinstance(one, Dispatcher)
        and one.py_func.__module__ == module.__name__
        and one.targetoptions.get("inline") != "always"
    }
