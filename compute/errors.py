"""Errors of the numerical packages: each carries what a person needs to mend the input.

``cause`` is a short class of failure that failures are grouped by, and ``permanent`` whether trying
again gives the same failure. Whoever runs a job reads both from the error, of whatever package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ComputeError(Exception):
    """Base of every error that ``compute`` raises on purpose."""

    cause = "Not computable"
    permanent = True

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors come back whole from another process, whatever their constructors take."""
        return rebuilt, (type(self), self.args, self.__dict__)


class InputError(ComputeError, ValueError):
    """A parameter that cannot be used, found before any work starts.

    Attributes
    ----------
    field : str
        Dotted name of the parameter, e.g. ``"initial.F2dd"``.
    value : object
        What was given.
    """

    cause = "Input not usable"

    def __init__(self, field: str, value: object, reason: str) -> None:
        super().__init__(f"{field}: {reason} (got {told(value)})")
        self.field = field
        self.value = value
        self.reason = reason


class OutOfRangeError(InputError):
    """A site of a kind that a route's model does not describe."""

    cause = "Outside the route's range"


class ConvergenceError(ComputeError):
    """An iteration that did not reach its tolerance; the result is not returned.

    Attributes
    ----------
    residual, tolerance : float
        What was reached, and what was asked for.
    """

    cause = "Not converged"

    def __init__(self, what: str, residual: float, tolerance: float) -> None:
        super().__init__(f"{what} did not converge: residual {residual:.2e} > {tolerance:.2e}")
        self.residual = residual
        self.tolerance = tolerance


class ImplausibleError(ComputeError):
    """A derived parameter that is out of the range of what it stands for; nothing is returned.

    Attributes
    ----------
    field : str
        The parameter with its unit.
    value, low, high : float
    """

    cause = "Parameter out of its physical range"

    def __init__(self, field: str, value: float, low: float, high: float) -> None:
        super().__init__(f"{field} came out as {value:.4g}, plausible is {low:g} to {high:g}")
        self.field = field
        self.value = value
        self.low = low
        self.high = high


class ReadError(ComputeError):
    """A file that cannot be read.

    Attributes
    ----------
    errors : list[str]
        Every fault found, each in words that tell where it is (line, field, value).
    permanent : bool
        False if reading again may help (a file still being written).
    """

    cause = "File not readable"

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

    cause = "No spectrum in the file"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def rebuilt(kind: type[ComputeError], args: tuple[Any, ...], state: dict[str, Any]) -> ComputeError:
    """An error of another process."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


def told(value: object, limit: int = 200) -> str:
    """A value as a person reads it: without the wrapping of numpy, and cut where it is long."""
    text = repr(_plain(value))
    return text if len(text) <= limit else f"{text[:limit]}…"


def _plain(value: object) -> object:
    if hasattr(value, "tolist"):  # an array, or one number of numpy's
        return value.tolist()
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    if isinstance(value, set | frozenset):
        return {_plain(one) for one in value}
    return value
