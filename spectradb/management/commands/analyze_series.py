"""Maps of a stored series."""

from __future__ import annotations

import time
from argparse import ArgumentTypeError, _ArgumentGroup
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from compute.errors import ComputeError, InputError
from spectradb.management.json_command import JsonCommand

_TOLD_EVERY = 2.0  # seconds
# Of options that not every method takes, those that do.
_OF_METHODS = {
    "references": ("references", "nmf", "mcr"),
    "components": ("references", "nmf", "mcr"),
    "free": ("references",),
    "noise": ("references", "library", "parameters"),
    "quantity": ("parameters",),
    "window": ("parameters",),
    "smooth": ("library",),
}
_ANGLES = (45.0, 45.0)  # degrees
# Options that `handle` names; the others are corrections.
_STATED = ("method", "references", "components", "free", "noise", "quantity", "window", "device")


class Command(JsonCommand):
    help = (
        "Maps of a series with errors: fractions of references and whether something else is "
        "there, valence and compound by the library, factors without references (nmf, mcr), or "
        "single numbers (parameters). Corrections are done in the order in which they are listed. "
        "Stopped and asked again, it goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=int, metavar="ID", help="number of the series")
        parser.add_argument(
            "--method",
            default="references",
            choices=("references", "library", "nmf", "mcr", "parameters"),
        )
        parser.add_argument(
            "--references", nargs="+", default=[], metavar="ID", help="spectra by number, or files"
        )
        parser.add_argument(
            "--components", type=_number_or_auto, metavar="N|auto",
            help="of nmf and mcr, auto as many as are predicted; of references, auto drops those "
            "that the spectra do not ask for",
        )  # fmt: skip
        parser.add_argument(
            "--smooth", choices=("alike", "none"),
            help="of the library: each spectrum with those of its neighbours that differ from it "
            "by no more than noise (alike, the default), or by itself",
        )  # fmt: skip
        parser.add_argument(
            "--free", default="", metavar="shift,width", help="of each spectrum by itself"
        )
        parser.add_argument(
            "--noise", choices=("poisson", "gaussian"), help="estimated where not stated"
        )
        parser.add_argument(
            "--quantity", nargs="+", default=[], metavar="NAME", help="of the parameters"
        )
        parser.add_argument(
            "--window", nargs=2, type=float, action="append", default=[], metavar=("LO", "HI"),
            help="of the parameters, eV; as many as the quantity takes",
        )  # fmt: skip
        parser.add_argument(
            "--device", default="auto", choices=("auto", "cpu", "cuda"),
            help="of references on a fixed axis, nmf and mcr; auto is a GPU where there is one",
        )  # fmt: skip
        parser.add_argument(
            "--output", metavar="MAPS.h5", help="where the maps go; series-ID-METHOD.h5 without"
        )
        _corrections(parser.add_argument_group("corrections, in the order of their work"))

    def handle(
        self,
        *,
        id: int,
        method: str,
        references: list[str],
        components: int | str | None,
        smooth: str | None,
        free: str,
        noise: str | None,
        quantity: list[str],
        window: list[list[float]],
        device: str,
        output: str | None,
        **options: Any,
    ) -> None:
        from spectradb.models import Series
        from spectradb.services.series.analyse import analyse
        from spectradb.services.series.writing import Asked

        row = Series.objects.filter(pk=id).first()
        if row is None:
            raise CommandError(f"{id}: there is no such series")
        given = {
            "references": references, "components": components, "free": free, "noise": noise,
            "quantity": quantity, "window": window, "smooth": smooth,
        }  # fmt: skip
        for name, methods in _OF_METHODS.items():
            if given[name] and method not in methods:
                raise CommandError(
                    f"--{name}: is of the method {' or '.join(methods)}, no {method}"
                )
        if options["angles"] and options["over_absorption"] is None:
            raise CommandError("--angles: are of --over-absorption")
        if method == "references" and not references:
            raise CommandError("--references: name at least one")
        if method == "references" and isinstance(components, int):
            raise CommandError(f"--components {components}: of references it is auto or nothing")
        asked = Asked(
            method,
            tuple(references),
            components if isinstance(components, int) else None,
            tuple(one.strip() for one in free.split(",") if one.strip()),
            noise,
            tuple(quantity),
            tuple((low, high) for low, high in window),
            _asked(options),
            select=method == "references" and components == "auto",
            smooth=smooth or "alike",
        )
        target = Path(output or f"series-{id}-{method}.h5")
        if target.is_dir():
            raise CommandError(f"--output {target}: is a folder; name a file")
        if not target.absolute().parent.is_dir():
            raise CommandError(f"--output {target}: there is no such folder")
        start = told = time.monotonic()
        first: int | None = None
        warnings: list[str] = []
        try:
            for step in analyse(row, asked, target, device):
                now = time.monotonic()
                warnings = step.warnings
                if first is None:
                    first, start = step.done, now
                elif now - told > _TOLD_EVERY and step.done > first:
                    rate = (step.done - first) / (now - start)
                    left = (step.total - step.done) / rate
                    self.say(f"{step.done} of {step.total}, {rate:.0f}/s, {left:.0f} s left")
                    told = now
        except InputError as error:
            raise CommandError(_of_option(error, options)) from error
        except ComputeError as error:
            raise CommandError(str(error)) from error
        for text in warnings:
            self.say(text)
        self.say(f"{row.n_spectra} spectra: {target}")


def _of_option(error: InputError, options: Mapping[str, Any]) -> str:
    """The option that was given, as it was given; what is no option by its name."""
    name = {"drift": "align", "windows": "window"}.get(error.field, error.field)
    if name not in _STATED and name not in options:
        return str(error)
    given = _as_given(error.value)
    return f"--{name.replace('_', '-')} {given}: {error.reason}"


def _as_given(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " ".join(_as_given(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number_or_auto(text: str) -> int | str:
    if text == "auto":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text}: is a number from 1 or auto")
    return int(text)


def _corrections(group: _ArgumentGroup) -> None:
    group.add_argument(
        "--dead-time", nargs=2, type=float, metavar=("TAU", "T"),
        help="seconds dead after a count, and of measurement for each channel",
    )  # fmt: skip
    group.add_argument(
        "--spikes", nargs="?", type=float, const=8.0, metavar="LIMIT",
        help="single channels above their neighbours are gaps; robust deviations, 8",
    )  # fmt: skip
    group.add_argument("--dead", action="store_true", help="dead spectra and channels are gaps")
    group.add_argument("--i0", metavar="ID", help="over the monitor, a series of the same places")
    group.add_argument(
        "--align", metavar="self|ID",
        help="drift, seen in the spectra or in a series of zero losses or of a reference channel",
    )  # fmt: skip
    group.add_argument(
        "--calibrate", type=float, metavar="EV",
        help="energy of the steepest rise of what --align looks at",
    )  # fmt: skip
    group.add_argument(
        "--power-law", nargs=2, type=float, metavar=("LO", "HI"), help="off, by each spectrum, eV"
    )
    group.add_argument(
        "--low-loss", metavar="ID|FILE", help="plural scattering off, by Fourier ratio"
    )
    group.add_argument(
        "--over-absorption", metavar="FORMULA", help="of the fluorescence of a thick sample"
    )
    group.add_argument(
        "--angles", nargs=2, type=float, metavar=("IN", "OUT"),
        help="of --over-absorption, degrees from the surface; 45 45",
    )  # fmt: skip
    group.add_argument("--bin", type=int, default=1, metavar="N", help="channels become one")


def _asked(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Names and values of the corrections asked for, in their order."""
    formula = options["over_absorption"]
    values = {
        "dead_time": _pair(options["dead_time"]),
        "spikes": options["spikes"],
        "dead": options["dead"] or None,
        "i0": options["i0"],
        "drift": options["align"],
        "calibrate": options["calibrate"],
        "power_law": _pair(options["power_law"]),
        "low_loss": options["low_loss"],
        "over_absorption": None if formula is None else (formula, *(options["angles"] or _ANGLES)),
        "bin": options["bin"] if options["bin"] != 1 else None,
    }
    return tuple((name, value) for name, value in values.items() if value is not None)


def _pair(values: Sequence[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)
