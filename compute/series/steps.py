"""Corrections one after the other, settled once for a series and then applied part by part.

The order is that in which detector, monitor and sample have left their marks: dead time, spikes,
dead channels, I0, drift, background, plural scattering, over-absorption; binning comes last.
What a step needs of the series as a whole (the median of each channel, the mean spectrum) it takes
from a sample of it, so that a part is corrected alike whichever parts have been before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.series.corrections import Corrected, Dead, Drift, Spikes, align, bin_channels
from compute.series.undone import (
    even_step,
    over_i0,
    remove_power_law,
    undo_dead_time,
    undo_over_absorption,
    undo_plural_scattering,
)

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Beside = Callable[[Places], Floats]  # spectra of another series at the same places


@dataclass(frozen=True)
class Channel:
    """Another series of the same places: a zero loss, a reference foil, a monitor.

    Attributes
    ----------
    energy_ev : float64 (l,)
    at : callable
        Spectra (n, l) at places (n,).
    """

    energy_ev: Floats
    at: Beside


@dataclass(frozen=True)
class Wanted:
    """Which corrections, None or False for those that are not.

    Attributes
    ----------
    dead_time_s : (τ, T)
        After an event, and of measurement for each channel.
    drift : Channel or "self"
        Where the drift of the energies is seen.
    calibrate_ev : float
        Where the steepest rise of the mean of ``drift`` is to lie.
    power_law_ev : (low, high)
    low_loss : (energies, values)
    over_absorption : float
        α of `compute.series.undone.undo_over_absorption`.
    """

    dead_time_s: tuple[float, float] | None = None
    dead: bool = False
    spikes: float | None = None
    i0: Channel | None = None
    drift: Channel | str | None = None
    calibrate_ev: float | None = None
    power_law_ev: tuple[float, float] | None = None
    low_loss: tuple[Floats, Floats] | None = None
    over_absorption: float | None = None
    bin: int = 1


# What corrections call the number that they were given.
_OWN = ("alpha", "factor", "threshold", "window")


@contextmanager
def _named(name: str, value: object) -> Iterator[None]:
    """A number that cannot be is told by the correction that was asked for."""
    try:
        yield
    except InputError as error:
        if error.field not in _OWN:
            raise
        raise InputError(name, value, error.reason) from error


class Step(Protocol):
    """One correction, settled."""

    def of(self, spectra: Floats, places: Places) -> Corrected: ...


@dataclass(frozen=True)
class _Plain:
    """A correction of each spectrum by itself."""

    work: Callable[[Floats], Corrected]

    def of(self, spectra: Floats, places: Places) -> Corrected:
        return self.work(spectra)


@dataclass(frozen=True)
class _OverI0:
    channel: Channel

    def of(self, spectra: Floats, places: Places) -> Corrected:
        monitor = self.channel.at(places)
        if monitor.shape[1] == 1:
            monitor = np.broadcast_to(monitor, spectra.shape)
        return over_i0(spectra, monitor)


@dataclass(frozen=True)
class _Drift:
    """Drift seen in the spectra themselves or beside them, taken back in channels of the former."""

    seen: Drift
    beside: Channel | None
    ratio: float  # of the channels
    offset_ev: float

    def of(self, spectra: Floats, places: Places) -> Corrected:
        there = spectra if self.beside is None else self.beside.at(places)
        shifts = self.ratio * self.seen.found(there)
        done = align(spectra, shifts=shifts)
        record = {
            "correction": "drift", "how": "found" if self.beside is None else "found beside",
            "offset_ev": self.offset_ev,
        }  # fmt: skip
        return replace(done, record=record)


@dataclass(frozen=True)
class Chain:
    """Corrections of a series, in order.

    Attributes
    ----------
    energy_ev : float64 (k,)
        Of what comes out.
    """

    energy_ev: Floats
    steps: tuple[Step, ...]

    @classmethod
    def judged(cls, energy_ev: Floats, sample: Floats, places: Places, wanted: Wanted) -> Chain:
        """Settled from a sample (n, m) of the series, taken at ``places`` (n,).

        Raises
        ------
        InputError
            Numbers that cannot be, another series that does not fit, uneven energies for what
            needs even ones.
        """
        energy, y = np.asarray(energy_ev, float), np.asarray(sample, float)
        steps: list[Step] = []

        def take(name: str, value: object, settle: Callable[[], Step]) -> None:
            nonlocal y
            with _named(name, value):
                step = settle()
                done = step.of(y, places)
            if np.isfinite(y).any() and not np.isfinite(done.spectra).any():
                raise InputError(name, value, "leaves no value of any spectrum")
            steps.append(step)
            y = done.spectra

        def plain(name: str, value: object, work: Callable[[Floats], Corrected]) -> None:
            take(name, value, lambda: _Plain(work))

        if wanted.dead_time_s is not None:
            times = wanted.dead_time_s
            plain("dead_time", times, lambda rows: undo_dead_time(rows, *times))
        if wanted.spikes is not None:
            limit = wanted.spikes
            take("spikes", limit, lambda: _Plain(Spikes.judged(y, limit).of))
        if wanted.dead:
            take("dead", True, lambda: _Plain(Dead.judged(y).of))
        if wanted.i0 is not None:
            monitor = wanted.i0
            if monitor.energy_ev.size not in (1, energy.size):
                raise InputError("i0", monitor.energy_ev.size, f"channels; {energy.size} here")
            take("i0", "a series", lambda: _OverI0(monitor))
        if wanted.calibrate_ev is not None and wanted.drift is None:
            raise InputError("calibrate", wanted.calibrate_ev, "needs to know the drift: --align")
        if wanted.calibrate_ev is not None and not np.isfinite(wanted.calibrate_ev):
            raise InputError("calibrate", wanted.calibrate_ev, "is an energy, eV")
        if (
            wanted.calibrate_ev is not None
            and wanted.drift == "self"
            and not energy[0] <= wanted.calibrate_ev <= energy[-1]
        ):
            raise InputError(
                "calibrate", wanted.calibrate_ev,
                f"lies outside the energies of the series, {energy[0]:g} … {energy[-1]:g} eV",
            )  # fmt: skip
        if wanted.drift is not None:
            told = wanted.drift if isinstance(wanted.drift, str) else "a series"
            drift = _drift_of(energy, y, places, wanted.drift, wanted.calibrate_ev)
            take("drift", told, lambda: drift)
            energy = energy + drift.offset_ev
        at = energy
        if wanted.power_law_ev is not None:
            window = wanted.power_law_ev
            plain("power_law", window, lambda rows: remove_power_law(at, rows, window))
        if wanted.low_loss is not None:
            low = wanted.low_loss
            plain("low_loss", "a spectrum", lambda rows: undo_plural_scattering(at, rows, *low))
        if wanted.over_absorption is not None:
            alpha = wanted.over_absorption
            plain("over_absorption", alpha, lambda rows: undo_over_absorption(rows, alpha))
        if wanted.bin != 1:
            with _named("bin", wanted.bin):
                energy = bin_channels(at, y, wanted.bin)[0]
            plain("bin", wanted.bin, lambda rows: bin_channels(at, rows, wanted.bin)[1])
        return cls(energy, tuple(steps))

    def of(self, spectra: Floats, places: Places) -> Done:
        """Spectra (n, m) at these places, corrected."""
        y = np.asarray(spectra, float)
        records: list[dict[str, Any]] = []
        numbers: dict[str, Floats] = {}
        for step in self.steps:
            done = step.of(y, places)
            y = done.spectra
            records.append(done.record)
            numbers |= done.per_spectrum
        return Done(y, records, numbers)


@dataclass(frozen=True)
class Done:
    """Spectra after all corrections, what each did, and its numbers for each spectrum."""

    spectra: Floats
    records: list[dict[str, Any]]
    numbers: Mapping[str, Floats] = field(default_factory=dict)


def _drift_of(
    energy: Floats, y: Floats, places: Places, drift: Channel | str, calibrate_ev: float | None
) -> _Drift:
    beside = None if isinstance(drift, str) else drift
    own = even_step(energy)
    there = energy if beside is None else beside.energy_ev
    step = own if beside is None else even_step(there)
    seen = Drift.judged(y if beside is None else beside.at(places))
    offset = 0.0 if calibrate_ev is None else calibrate_ev - _rise(there, seen.target)
    return _Drift(seen, beside, step / own, offset)


def _rise(energy: Floats, values: Floats) -> float:
    """Where a spectrum (m,) rises most steeply, eV: vertex of a parabola through three slopes."""
    slope = np.nan_to_num(np.gradient(values, energy))
    k = int(np.clip(np.argmax(slope), 1, slope.size - 2))
    low, mid, high = slope[k - 1 : k + 2]
    bend = low - 2 * mid + high
    part = 0.5 * (low - high) / bend if bend < 0 else 0.0
    return float(energy[k] + part * (energy[k + 1] - energy[k]))


def gaps_beyond(spectra: NDArray[np.floating], most: float = 0.5) -> slice:
    """Channels from the first to the last that are no gap in more than a share of spectra (n, m).

    What a drift moved out of the range leaves gaps at the ends.

    Raises
    ------
    InputError
        If none is left.
    """
    there = np.isfinite(spectra)
    rows = there[there.any(axis=1)]
    kept = np.flatnonzero(rows.mean(axis=0) > most) if len(rows) else np.array([], int)
    if kept.size < 2:
        raise InputError("series", spectra.shape, "no two channels hold values after corrections")
    return slice(int(kept[0]), int(kept[-1]) + 1)


__all__ = ["Chain", "Channel", "Done", "Wanted", "gaps_beyond"]
