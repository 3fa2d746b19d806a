"""The spectra of a series as an analysis sees them: corrected as asked, a part at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError, ReadError, SkipFile
from compute.io import read
from compute.series.absorption import over_absorption
from compute.series.io.store import Stored
from compute.series.steps import Chain, Channel, Done, Wanted, gaps_beyond
from spectradb.models import Quantity, Series, Spectrum
from spectradb.services.series.store import opened

Floats = NDArray[np.float64]

# In the order of their work; what each is given.
CORRECTIONS = {
    "dead_time": "seconds after an event, and of measurement for each channel",
    "spikes": "threshold in robust deviations",
    "dead": "True",
    "i0": "number of the series of the monitor",
    "drift": "'self', or the number of the series of a zero loss or a reference channel",
    "calibrate": "energy of the steepest rise of what the drift is seen in, eV",
    "power_law": "window before the edge, eV",
    "low_loss": "spectrum by number, or a file",
    "over_absorption": "formula, and angles of the way in and out, degrees",
    "bin": "channels that become one",
}
_SAMPLE = 2000  # spectra from which corrections are settled
_NOT_COUNTS = frozenset(
    {"dead_time", "i0", "drift", "power_law", "low_loss", "over_absorption"}
)  # they leave values that are no counts any more


class Source:
    """A stored series behind its corrections; reads like :class:`compute.series.io.store.Stored`.

    Attributes
    ----------
    digests : list of str
        Of everything beside the series that corrections read.
    warnings : list of str
    """

    def __init__(self, row: Series, asked: tuple[tuple[str, Any], ...]) -> None:
        self._row, self._asked = row, dict(asked)
        self._within = ExitStack()
        self.digests: list[str] = []
        self.warnings: list[str] = []
        for name in self._asked:
            if name not in CORRECTIONS:
                raise InputError("corrections", name, f"are {', '.join(CORRECTIONS)}")

    def __enter__(self) -> Self:
        try:
            self._stored = self._within.enter_context(opened(self._row))
            self._open()
        except BaseException:
            self._within.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._within.close()

    def _open(self) -> None:
        stored = self._stored
        self.shape, self.axes, self.n_spectra = stored.shape, stored.axes, stored.n_spectra
        self._chain, self._inside = None, slice(None)
        self.energy_ev = stored.energy_ev
        if self._asked:
            places = self._places(_SAMPLE)
            sample = _at(stored, places)
            self._chain = Chain.judged(stored.energy_ev, sample, places, self._wanted())
            self._inside = gaps_beyond(self._chain.of(sample, places).spectra)
            self.energy_ev = self._chain.energy_ev[self._inside]
            if self._asked.get("drift") == "self":
                self.warnings.append(
                    "drift seen in the spectra themselves: a line that moves with the phase is "
                    "taken for drift and moved back; a reference channel or a free shift is not "
                    "misled by it"
                )
            if {"drift", "low_loss"} & set(self._asked):
                self.warnings.append(
                    "neighbouring channels share noise after drift or scattering was taken off; "
                    "errors and none-of-these take them for independent"
                )
        self.n_channels = int(self.energy_ev.size)

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Spectra (stop - start, m) in the order of the axes, gaps NaN."""
        return self.told(start, stop)[0]

    def told(self, start: int, stop: int) -> tuple[NDArray[Any], dict[str, Floats]]:
        """Spectra, and what corrections found of each by the name of its map."""
        rows = self._stored.rows(start, stop)
        if self._chain is None:
            return rows, {}
        done = self._chain.of(rows, np.arange(start, stop))
        numbers = {f"corrections/{name}": one for name, one in done.numbers.items()}
        return done.spectra[:, self._inside], numbers

    def sample(self, most: int) -> Floats:
        """At most so many of the spectra, evenly over the series."""
        places = self._places(most)
        rows = _at(self._stored, places)
        if self._chain is None:
            return rows
        return self._chain.of(rows, places).spectra[:, self._inside]

    def parts(self, rows: int, start: int = 0) -> Iterator[tuple[NDArray[Any], dict[str, Floats]]]:
        """Parts from a spectrum on, each with what corrections found."""
        for first in range(start, self.n_spectra, rows):
            yield self.told(first, min(first + rows, self.n_spectra))

    def records(self) -> list[dict[str, Any]]:
        """What each correction was, settled; what it changed is in its maps."""
        if self._chain is None:
            return []
        places = self._places(8)
        done: Done = self._chain.of(_at(self._stored, places), places)
        changed = {"channels", "spectra", "rms_channels", "not_settled"}
        return [
            {k: v for k, v in one.items() if k not in changed or isinstance(v, list)}
            for one in done.records
        ]

    def noise(self, stated: str | None) -> str | None:
        """The noise as asked; counts are counts only as long as nothing changed them."""
        if stated == "poisson" and (changed := _NOT_COUNTS & set(self._asked)):
            raise InputError(
                "noise", stated, f"values are no counts any more after {', '.join(sorted(changed))}"
            )
        return stated

    def _places(self, most: int) -> NDArray[np.int64]:
        n = self._stored.n_spectra
        return np.unique(np.linspace(0, n - 1, most).round().astype(np.int64))

    def _wanted(self) -> Wanted:
        get = self._asked.get
        drift = get("drift")
        return Wanted(
            dead_time_s=get("dead_time"),
            dead=bool(get("dead")),
            spikes=get("spikes"),
            i0=None if get("i0") is None else self._channel("i0", get("i0")),
            drift=drift if drift in (None, "self") else self._channel("drift", drift),
            calibrate_ev=get("calibrate"),
            power_law_ev=get("power_law"),
            low_loss=None if get("low_loss") is None else self._low_loss(str(get("low_loss"))),
            over_absorption=self._alpha(get("over_absorption")),
            bin=int(self._asked.get("bin", 1)),
        )

    def _channel(self, name: str, number: Any) -> Channel:
        other = Series.objects.filter(pk=number).first() if str(number).isdecimal() else None
        if other is None:
            raise InputError(name, number, "there is no such series")
        if other.pk == self._row.pk:
            raise InputError(name, number, "is this series itself")
        if other.n_spectra != self._row.n_spectra:
            raise InputError(
                name, number, f"has {other.n_spectra} spectra; this one {self._row.n_spectra}"
            )
        stored = self._within.enter_context(opened(other))
        self.digests.append(other.content_hash)
        return Channel(stored.energy_ev, lambda places: _at(stored, places))

    def _low_loss(self, text: str) -> tuple[Floats, Floats]:
        if text.isdecimal():
            row = Spectrum.objects.filter(pk=int(text)).first()
            if row is None:
                raise InputError("low_loss", text, "there is no such spectrum")
            energy, values = np.asarray(row.energy, float), np.asarray(row.intensity, float)
        elif Path(text).is_file():
            try:
                first = read(Path(text))[0]
            except (ReadError, SkipFile) as error:
                raise InputError("low_loss", text, str(error)) from error
            energy, values = first.energy_ev, first.intensity
        else:
            raise InputError("low_loss", text, "is no number of a spectrum and no file")
        self.digests.append(hashlib.sha256(energy.tobytes() + values.tobytes()).hexdigest())
        return energy, values

    def _alpha(self, asked: Any) -> float | None:
        if asked is None:
            return None
        if self._row.quantity != Quantity.NORMALISED:
            reason = f"spectra have to be normalised before, these are {self._row.quantity}"
            raise InputError("over_absorption", asked[0], reason)
        if not (self._row.absorber and self._row.edge):
            raise InputError("over_absorption", "", "the absorber and the edge are not known")
        formula, angle_in, angle_out = asked
        alpha = over_absorption(
            formula, self._row.absorber, self._row.edge, angle_in=angle_in, angle_out=angle_out
        )
        self.digests.append(f"{alpha:.12g}")
        return alpha


def _at(stored: Stored, places: NDArray[np.int64]) -> Floats:
    """Spectra at places (n,), ascending; as one piece where they are neighbours."""
    if places.size and places[-1] - places[0] == places.size - 1:
        return np.asarray(stored.rows(int(places[0]), int(places[-1]) + 1), float)
    return np.array([stored.rows(int(i), int(i) + 1)[0] for i in places], float)
