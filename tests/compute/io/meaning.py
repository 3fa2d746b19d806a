"""Tables of measured columns, changed as people's files differ, with what is still right of them.

A :class:`Base` is a table whose meaning is known: which column is the energy and which curves are
its spectra. A change keeps the meaning and alters how it is written; :func:`verdict` says whether
a reader gave the same spectra, asked or refused, or gave something else without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from compute.errors import ReadError, SkipFile
from compute.io import read_bytes

Array = np.ndarray
Rng = np.random.Generator


@dataclass(frozen=True)
class Base:
    """A table with its meaning.

    Attributes
    ----------
    names : tuple of str
    values : (n, columns)
    spectra : tuple of formulas
        ``("mu",)``, ``("ln", "I0", "It")``, ``("ratio", ("If",), "I0")``: sample or reference.
    also : tuple of formulas
        Right too, though not needed: a reference, a detector.
    """

    label: str
    names: tuple[str, ...]
    values: Array
    spectra: tuple[tuple[object, ...], ...]
    also: tuple[tuple[object, ...], ...] = ()
    energy: str = "energy"
    also_energy: str = ""  # the requested one, where the one reached has no name


@dataclass
class Page:
    """A table as it will be written."""

    base: Base
    order: list[int]
    names: list[str]
    values: Array
    header: str = "# {}"
    separator: str = " "
    number: Callable[[float], str] = field(default=lambda v: f"{v:.10g}")
    before: list[str] = field(default_factory=list)
    copies: list[str] = field(default_factory=list)  # how each further scan begins
    reverse_copy: bool = False
    newline: str = "\n"
    encoding: str = "utf-8"
    readable: bool = True
    n_scans: int = 1
    keep_names: bool = True
    quoted: bool = False
    commas: bool = False  # inside the numbers

    def text(self) -> bytes:
        def cell(v: float) -> str:
            text = self.number(float(v))
            return f'"{text}"' if self.quoted else text

        mark = self.separator
        words = [f'"{n}"' if self.quoted or mark == "," and "," in n else n for n in self.names]
        head = self.header.format(mark.join(words))
        lines = [*self.before, head] if self.keep_names else list(self.before)
        rows = [mark.join(cell(v) for v in row) for row in self.values]
        lines += rows
        for begin in self.copies:
            more = rows[::-1] if self.reverse_copy else rows
            lines += [line.replace("{head}", head) for line in begin.split("\n") if line]
            lines += more
        return (self.newline.join(lines) + self.newline).encode(self.encoding)


def page_of(base: Base) -> Page:
    return Page(base, list(range(len(base.names))), list(base.names), base.values.copy())


def curves(base: Base, formulas: Sequence[tuple[object, ...]]) -> list[Array]:
    """The spectra of a base, by plain arithmetic on its columns."""
    at = {name: base.values[:, i] for i, name in enumerate(base.names)}
    found = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for formula in formulas:
            if formula[0] == "ln":
                found.append(np.log(at[str(formula[1])] / at[str(formula[2])]))
            elif formula[0] == "ratio":
                parts = formula[1] if isinstance(formula[1], tuple) else (formula[1],)
                found.append(sum(at[str(p)] for p in parts) / at[str(formula[2])])
            else:
                found.append(at[str(formula[0])])
    return found


# --- changes ----------------------------------------------------------------------------------


def permute(page: Page, rng: Rng) -> Page:
    order = rng.permutation(len(page.names))
    return replace(
        page,
        names=[page.names[i] for i in order],
        values=page.values[:, order],
        readable=page.readable and page.keep_names,
    )


_SYNONYMS = {
    "energy": ("Energy", "Energy (eV)", "E(eV)", "photon energy", "Energy/eV", "Mono Energy", "eV"),
    "mu": ("xmu", "mu(E)", "Absorption", "absorbance", "XMU", "mu_avg"),
    "i0": ("I0", "i0", "Io", "I_0", "I0_mon"),
    "it": ("It", "I1", "itrans", "I_t", "IT", "Transmission"),
    "if": ("If", "iff", "ifluor", "Fluorescence", "FLUO", "Lytle"),
    "ir": ("Iref", "I2", "irefer", "Ir", "reference"),
    "time": ("Time(s)", "dwell", "Seconds", "clock", "integration time", "acq_time"),
}
_KIND = {
    **dict.fromkeys(("energy", "Energy", "eBraggEnergy", "Achieved Energy"), "energy"),
    **dict.fromkeys(("mu", "xmu"), "mu"),
    **dict.fromkeys(("I0", "i0", "Io", "I0_EH1"), "i0"),
    **dict.fromkeys(("It", "i1", "I1", "it"), "it"),
    **dict.fromkeys(("If", "iff"), "if"),
    **dict.fromkeys(("Iref", "I2", "ir"), "ir"),
    **dict.fromkeys(("time", "sec", "time1"), "time"),
}


def rename_known(page: Page, rng: Rng) -> Page:
    """Other words of the field for the same columns."""
    names = list(page.names)
    for i, name in enumerate(names):
        kind = _KIND.get(name)
        others = [w for w in _SYNONYMS.get(kind or "", ()) if " " not in w or page.separator != " "]
        if others:
            names[i] = str(rng.choice(others))
    return replace(page, names=names)


def rename_unknown(page: Page, rng: Rng) -> Page:
    """A name that says nothing: only a person who took the data knows."""
    names = list(page.names)
    names[int(rng.integers(len(names)))] = str(rng.choice(["foo", "ch_a", "Q7", "det", "scalerX"]))
    return replace(page, names=names, readable=False)


def swap_names(page: Page, rng: Rng) -> Page:
    """No header at all."""
    return replace(page, keep_names=False, readable=page.readable and len(page.names) == 2)


def to_kev(page: Page, rng: Rng) -> Page:
    """keV, said in the label."""
    at = next((i for i, n in enumerate(page.names) if _is_energy(n)), None)
    if at is None or not page.keep_names or np.nanmax(page.values[:, at]) < 500:
        return page
    values = page.values.copy()
    values[:, at] = values[:, at] / 1000
    names = list(page.names)
    glue = "" if page.separator == " " else " "
    names[at] = f"energy{glue}{rng.choice(['(keV)', '[keV]', '/keV'])}"
    if page.separator == " ":
        names[at] = str(rng.choice(["energy(keV)", "energy_keV", "keV"]))
    return replace(page, names=names, values=values)


def to_kev_unsaid(page: Page, rng: Rng) -> Page:
    at = next((i for i, n in enumerate(page.names) if _is_energy(n)), None)
    if at is None or np.nanmax(page.values[:, at]) < 500:
        return page
    values = page.values.copy()
    values[:, at] = values[:, at] / 1000
    names = list(page.names)
    names[at] = "energy"
    return replace(page, names=names, values=values, readable=False)


def _is_energy(name: str) -> bool:
    return "energy" in name.lower() or name in ("E(eV)", "eV")


def add_scan(page: Page, rng: Rng) -> Page:
    begin = str(rng.choice(["\n{head}", "#S 2 ascan energy\n#L x\n{head}", "", "# scan 2\n{head}"]))
    return replace(page, copies=[*page.copies, begin], n_scans=page.n_scans + 1)


def add_backward_scan(page: Page, rng: Rng) -> Page:
    return replace(page, copies=[*page.copies, ""], n_scans=page.n_scans + 1, reverse_copy=True)


def add_column(page: Page, rng: Rng) -> Page:
    """A column of known other role, anywhere."""
    n = len(page.values)
    kinds: dict[str, Array] = {
        "time": 1.5 + 0.01 * rng.random(n),
        "clock": 1e6 + rng.integers(0, 40, n),
        "mu_err": 0.01 + 0.001 * rng.random(n),
        "ring_current": 450 - 0.01 * np.arange(n),
        "sigma": np.full(n, 0.02),
        "temperature": 300 + rng.random(n),
        "ICR": 5e4 + 1e4 * np.tanh(np.linspace(-4, 4, n)),
        "point": np.arange(n) + 1.0,
        "live_time": 0.98 + 0.001 * rng.random(n),
        "epoch": 1.7e9 + 1.5 * np.arange(n),
    }
    name = str(rng.choice(list(kinds)))
    at = int(rng.integers(len(page.names) + 1))
    names = list(page.names)
    names.insert(at, name)
    values = np.insert(page.values, at, kinds[name], axis=1)
    return replace(page, names=names, values=values, readable=page.readable and page.keep_names)


def separator(page: Page, rng: Rng) -> Page:
    return replace(page, separator=str(rng.choice([",", "\t", ";", "   "])))


def decimal_comma(page: Page, rng: Rng) -> Page:
    if page.separator == ",":
        return page
    return replace(page, separator=";", number=lambda v: f"{v:.10g}".replace(".", ","), commas=True)


def fortran(page: Page, rng: Rng) -> Page:
    return replace(page, number=lambda v: f"{v:.10E}".replace("E", "D"), commas=False)


def quoted(page: Page, rng: Rng) -> Page:
    return replace(page, separator=";" if page.commas else ",", quoted=True, header="{}")


def thousands(page: Page, rng: Rng) -> Page:
    mark = "\t" if not page.quoted else page.separator
    return replace(page, separator=mark, number=lambda v: f"{v:,.14f}", commas=True)


def pandas_index(page: Page, rng: Rng) -> Page:
    n = len(page.values)
    values = np.insert(page.values, 0, np.arange(n), axis=1)
    name = str(rng.choice(["", "Unnamed: 0", "index"]))
    return replace(
        page, names=[name, *page.names], values=values, header="{}",
        separator=page.separator if page.commas else ",",
        readable=page.readable and page.keep_names,
    )  # fmt: skip


def comment_mark(page: Page, rng: Rng) -> Page:
    return replace(page, header=str(rng.choice(["{}", "# {}", "#{}", "% {}", "; {}", "! {}"])))


def notes(page: Page, rng: Rng) -> Page:
    lines = ["# measured on 2023-05-04 at a bending magnet", "# Sample: powder on tape", "#", ""]
    return replace(page, before=[*lines, *page.before])


def carriage_returns(page: Page, rng: Rng) -> Page:
    return replace(page, newline=str(rng.choice(["\r\n", "\r"])))


def byte_order_mark(page: Page, rng: Rng) -> Page:
    return replace(page, encoding=str(rng.choice(["utf-8-sig", "utf-16"])))


def downwards(page: Page, rng: Rng) -> Page:
    return replace(page, values=page.values[::-1].copy())


CHANGES = (
    permute, rename_known, rename_unknown, swap_names, to_kev, to_kev_unsaid, add_scan,
    add_backward_scan, add_column, separator, decimal_comma, fortran, quoted, thousands,
    pandas_index, comment_mark, notes, carriage_returns, byte_order_mark, downwards,
)  # fmt: skip


def mutate(base: Base, rng: Rng) -> tuple[Page, list[str]]:
    """One to three changes, in an order that keeps each of them what it is."""
    count = int(rng.integers(1, 4))
    picked = sorted(rng.choice(len(CHANGES), size=count, replace=False))
    page = page_of(base)
    for index in picked:
        page = CHANGES[index](page, rng)
    return page, [CHANGES[index].__name__ for index in picked]


# --- verdict ----------------------------------------------------------------------------------


def verdict(page: Page) -> tuple[str, str]:
    """``right``, ``in part`` (told), ``asked``, ``refused``, ``missing`` or ``wrong``."""
    try:
        found = read_bytes("table.dat", page.text())
    except SkipFile as skip:
        return "refused", skip.reason
    except ReadError as error:
        return ("asked" if hasattr(error, "question") else "refused"), str(error)[:300]
    base = page.base
    names = [base.energy, base.also_energy or base.energy]
    energies = [base.values[:, base.names.index(name)] for name in names]
    needed = curves(base, base.spectra)
    allowed = needed + curves(base, base.also)
    seen = [0] * len(needed)
    for one in found:
        hits = [
            i
            for i, y in enumerate(allowed)
            if any(_same(one.energy_ev, one.intensity, energy, y) for energy in energies)
        ]
        if not hits:
            return "wrong", f"{one.label}: {one.warnings[:6]}"
        if hits[0] < len(needed):
            seen[hits[0]] += 1
    missing = [i for i, n in enumerate(seen) if n < page.n_scans]
    if missing and not page.readable and any("not used" in text for text in found[0].warnings):
        return "in part", "told"
    if missing:
        return "missing", f"{seen} of {page.n_scans} scans: {[one.label for one in found]}"
    return "right", ""


def _same(x: Array, y: Array, energy: Array, curve: Array) -> bool:
    """Whether a spectrum is this curve, whatever its order and its repeated energies."""
    good = np.isfinite(energy) & np.isfinite(curve)
    order = np.argsort(energy[good], kind="stable")
    ex, ey = energy[good][order], curve[good][order]
    if abs(x.size - np.unique(np.round(ex, 6)).size) > 3 + 0.02 * ex.size:
        return False
    if not (abs(x[0] - ex[0]) < 0.01 and abs(x[-1] - ex[-1]) < 0.01):
        return False
    scale = float(np.ptp(ey)) or 1.0
    apart = np.abs(np.interp(x, ex, ey) - y) / scale
    return float(np.quantile(apart, 0.9)) < 1e-4
