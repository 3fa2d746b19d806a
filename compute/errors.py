"""Errors of the numerical packages: each carries what a person needs to mend the input."""

from __future__ import annotations


class ComputeError(Exception):
    """Base of every error that ``compute`` raises on purpose."""


class InputError(ComputeError, ValueError):
    """A parameter that cannot be used, found before any work starts.

    Attributes
    ----------
    field : str
        Dotted name of the parameter, e.g. ``"initial.F2dd"``.
    value : object
        What was given.
    """

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(f"{field}: {reason} (got {value!r})")
        self.field = field
        self.value = value
        self.reason = reason


class ConvergenceError(ComputeError):
    """An iteration that did not reach its tolerance; the result is not returned.

    Attributes
    ----------
    residual, tolerance : float
        What was reached, and what was asked for.
    """

    def __init__(self, what: str, residual: float, tolerance: float) -> None:
        super().__init__(f"{what} did not converge: residual {residual:.2e} > {tolerance:.2e}")
        self.residual = residual
        self.tolerance = tolerance


class ReadError(ComputeError):
    """A file that cannot be read.

    Attributes
    ----------
    errors : list[str]
        Every fault found, each in words that tell where it is (line, field, value).
    permanent : bool
        False if reading again may help (a file still being written).
    """

    def __init__(self, errors: list[str], *, permanent: bool = True) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors
        self.permanent = permanent


class SkipFile(ComputeError):
    """A file that holds no spectrum of ours and is no fault: a side-car, a chi(k), a notice.

    Attributes
    ----------
    reason : str
        Why there is nothing to import, in one sentence.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
