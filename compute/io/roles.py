"""What a column's label says that it holds: its role, by the words of the label.

Roles that are never a spectrum: ``index``, ``time``, ``error``, ``current`` (of the ring), ``book``
(dead time, rates, motors, temperatures …), ``fit`` (backgrounds, derivatives, offsets, smoothed
curves). Abscissas: ``energy``, ``requested``, ``relative``, ``angle``, ``pixel``, ``wavenumber``,
``other`` (wavelengths, lengths, fields, energies of electrons).
Signals: ``i0``, ``i0_other``, ``it``, ``ir``, ``if``, ``tey``, ``mu``, ``mu_trans``, ``mu_fluor``,
``mu_ref``, ``norm``, ``norm_ref``, ``chi``, ``intensity``, ``counts``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

LONGEST_LABEL = 80
NEVER = frozenset({"index", "time", "error", "current", "book", "fit"})
ABSCISSAS = frozenset({"energy", "requested", "relative", "angle", "pixel", "wavenumber", "other"})

_ERROR = {
    *("err", "error", "errors", "sigma", "sd", "std", "stdev", "stddev", "sem", "uncertainty"),
    *("unc", "variance", "var", "rms", "esd", "noise", "stderr", "dmu", "dy", "de", "fehler"),
}
_FIT = {
    *("bkg", "bkgd", "background", "bg", "baseline", "residual", "residuals", "resid", "spline"),
    *("preedge", "postedge", "deriv", "derivative", "der", "nder", "deri", "weight", "weights"),
    *("win", "window", "offset", "off", "dark", "gain", "gains", "sens", "sensitivity", "fit"),
    *("model", "lcf", "nbkg", "smoothed", "smooth", "scaled", "i0off", "diff", "difference"),
}
_TIME = {
    *("sec", "secs", "second", "seconds", "ms", "msec", "dwell", "clock", "timer"),
    *("date", "live", "inttime", "tscaler", "exposure", "duration", "preset", "integration"),
    *("elapsed", "htime", "epoch", "temps", "zeit", "acq", "hh", "minutes", "eltm", "ertm"),
}
_INDEX = {
    *("event", "id", "index", "idx", "point", "points", "pt", "pts", "no", "num", "number", "nr"),
    *("row", "step", "seq", "frame", "unnamed", "scan", "count#", "record"),
}
_BOOK = {
    *("icr", "ocr", "trueicr", "dt", "dead", "deadtime", "dtfactor", "outputcounts", "inputcounts"),
    *("reset", "resets", "slow", "fast", "throughput", "temperature", "temp", "pressure", "press"),
    *("gap", "slit", "slits", "motor", "hor", "vert", "pitch", "roll", "filter", "voltage"),
    *("humidity", "encoder", "enc", "pos", "position", "piezo", "height", "width", "shutter"),
    *("rate", "saturation", "lt", "rt", "thermocouple", "valve", "flow", "attenuator", "undulator"),
}
_ENERGY = {
    *("energy", "energie", "energies", "en", "ev", "kev", "photon", "photonenergy", "nrj", "nrg"),
    *("eloss", "loss", "hv", "hnu", "energyloss", "mononrg", "e", "x", "omega"),
}
_REQUESTED = {
    *("request", "requested", "req", "set", "setpoint", "setp", "sp", "command", "commanded"),
    *("target", "nominal", "demand", "cmd"),
}
_READ = {"achieved", "attained", "read", "actual", "readback", "rbv", "fbk", "feedback", "enc"}
_ANGLE = {"angle", "theta", "twotheta", "tth", "bragg", "th", "2theta", "monoangle"}
_PIXEL = {"pixel", "pixels", "px", "channel", "channels", "chan", "ch"}
_MU = {
    *("mu", "xmu", "mue", "mux", "absorption", "absorbance", "abs", "absorb", "xanes", "xas"),
    *("nexafs", "od", "mut", "muf", "xmut", "xmuf", "mutrans", "mufluor", "mufluo", "xafs"),
}
_NORM = {
    *("norm", "normalized", "normalised", "normalization", "flat", "flattened", "normtrans"),
    *("normfluor", "nor"),
}
_REFERENCE = {"ref", "refer", "reference", "iref", "irefer", "murefer", "normrefer", "muref"}
_TRANS = {"trans", "transmission", "transmitted", "itrans", "transm"}
_FLUO = {
    *("fluo", "fluor", "fluorescence", "fluorescent", "lytle", "pips", "vortex", "tfy", "pfy"),
    *("ifluor", "ifluo", "iff", "fy", "sdd", "pilatus", "ketek", "xmap", "pfluo", "fl", "if"),
}
_TEY = {"tey", "drain", "isample", "electronyield", "cey", "aey", "pey", "ey"}
_I0 = {"i0", "io", "izero", "iin", "i00", "incident", "incoming"}
_INTENSITY = {
    *("intensity", "intensities", "int", "signal", "y", "eels", "spectrum", "raw", "data"),
    *("value", "yield", "intensitat", "intensite"),
}
_COUNTS = {"counts", "count", "cts", "cps"}
# What neither a photon's energy nor a signal is measured in.
_OTHER_UNITS = {
    *("nm", "mm", "um", "µm", "μm", "cm", "å", "1/å", "1/a", "å-1", "a-1", "cm-1", "1/cm"),
    *("k", "°c", "degc", "t", "mt", "ps", "fs", "ns", "bar", "mbar", "pa", "kpa", "gpa"),
}
_ELECTRON = {"binding", "kinetic", "bindungsenergie"}
_OTHER = {"wavelength", "lambda", "raman", "wellenlaenge", "nm"}
_JAPANESE = (
    ("エネルギ", "energy"), ("標準化", "normalized"), ("規格化", "normalized"),
    ("透過", "trans"), ("蛍光", "fluorescence"), ("入射", "i0"), ("吸収", "absorption"),
    ("吸光", "absorption"), ("強度", "intensity"), ("時間", "time"), ("時刻", "time"),
    ("角度", "angle"), ("誤差", "error"), ("温度", "temperature"), ("参照", "reference"),
    ("番号", "number"), ("カウント", "counts"),
)  # fmt: skip
# Upside down: the logarithm of transmitted over incident, without its minus.
_INVERTED = re.compile(
    r"\s*(?:ln|log(?:10)?)[\s(]*i(?:[t1]|trans)?\)?\s*/\s*\(?i[0o]\b", re.IGNORECASE
)
_LINE = re.compile(r"([A-Z][a-z]?)[ _]?([KLM])[ _]?([abg])(?:lpha|eta|amma)?\d?")


@dataclass(frozen=True)
class Label:
    """A column's label taken apart.

    Attributes
    ----------
    text : str
        As the file writes it.
    role : str or None
        None where no word of it says what the column holds.
    tag : str
        What is left of it beside the words of its role: a sample, a detector.
    unit : str or None
        ``eV``, ``keV`` or what else stands in brackets.
    line : (element, shell) or None
        The emission line it is named after: ``("Mn", "K")`` for ``Mn_Ka_mca1``.
    """

    text: str
    role: str | None
    tag: str = ""
    unit: str | None = None
    line: tuple[str, str] | None = None

    @property
    def readback(self) -> bool:
        return bool(_READ & set(_words(self.text)))


def role_of(text: str) -> str | None:
    """The role that a label names, None if it names none that we know."""
    return label_of(text).role


@lru_cache(maxsize=4096)
def label_of(text: str) -> Label:
    """A label with its role, unit and emission line."""
    text = re.sub(r"\$\(([^()]{1,60})\)", r"\1", text)  # the variables of some programs
    text = re.sub(r"(?<![A-Za-z])([iI])_(?=[0-9a-zA-Z](?![A-Za-z]))", r"\1", text)
    bare, unit = _without_unit(text.strip())
    if len(bare) > LONGEST_LABEL:  # no label; the patterns would take quadratic time on it
        return Label(text, None)
    words = _words(bare)
    found = set(words)
    joined = "".join(words)
    line = _emission(bare)
    role = _role(words, found, joined, bare.strip(), unit)
    emitted = role == "energy" and found & {"emission", "emitted"}
    if emitted or (role in (None, "energy", "book") and _is_other(found, bare, unit, text)):
        role = "other"
    elif _INVERTED.match(text):
        role = "fit"
    if line is not None and role in (None, "counts", "intensity"):
        role = "if"
    if role not in ("if", "mu", "mu_fluor"):
        line = None
    known = _MU | _NORM | _I0 | _FLUO | _TRANS | _TEY | _INTENSITY | _COUNTS | {"avg", "mean"}
    tag = " ".join(w for w in _cased(bare) if w.lower() not in known and w.lower() not in _ENERGY)
    return Label(text, role, tag, unit, line)


def _is_other(found: set[str], bare: str, unit: str | None, text: str) -> bool:
    """Whether a label names an abscissa of another kind: a length, an energy of electrons."""
    if found & (_ELECTRON | _OTHER) or re.fullmatch(r"(?i)[bk]\.?e\.?|e[bk]", bare.strip()):
        return True
    last = re.search(r"[(\[]\s*([^()\[\]]{1,8}?)\s*[)\]]\s*$", text[-40:])
    stated = (last.group(1) if last else text.strip() if len(text) < 8 else "").lower()
    # A lone letter is a name, and only in brackets a unit.
    known = stated in _OTHER_UNITS and (last is not None or len(stated) > 1)
    return known and unit not in ("eV", "keV")


def _role(
    words: list[str], found: set[str], joined: str, text: str, unit: str | None
) -> str | None:
    """Never-signals first: a word such as *time* or *error* outweighs every other."""
    upper, text = text, text.lower()
    if not words:
        return "index" if text in ("", "#") else None
    if found & _ERROR and text != "sigmatot":
        return "error"
    relative = re.search(r"\b(?:e|energy)\s*[-−–]\s*e_?[0f]|relative|\brel\b|\bdelta ?e\b", text)
    if relative and not found & _MU:
        return "relative"
    if re.search(r"\bd\s*\(?\s*x?mu|pre[_ -]?edge|post[_ -]?edge", text) or found & _FIT:
        return "fit"
    if re.search(r"(?:^|\W)(?:i\d|i[tf]|lytle)(?:off|norm)", text):
        return "book"
    if re.search(r"icr\b|ocr\b|deadtime|dtfactor|outputcounts|inputcounts", text):
        return "book"
    if re.search(r"time|clock|dwell|epoch|integrat|msec", joined) or joined in ("s", "t"):
        return "book" if upper == "T" else "time"
    if found & _TIME and not found & (_MU | _I0 | _NORM):
        return "time"
    if unit == "time":
        return "time"
    if "ma" in found and not found & (_I0 | _TEY):
        return "current"
    ring = found & {"ring", "srcurrent", "dcct", "storage", "machine", "lifetime", "sr"}
    if ring or joined in ("current", "beamcurrent", "ma") or re.search(r"ring|dcct|srcurr", joined):
        return "current"
    if joined in ("kname", "wavenumber") or re.fullmatch(r"k\W*\(?1?/?(?:a|å).*", text):
        return "wavenumber"
    if joined == "k":
        return "book" if upper == "K" and unit is None else "wavenumber"
    if re.fullmatch(r"(?:k\d?\W*)?chir?k?(?:re|im|mag|pha|reim)?\d?", joined):
        return "chi"
    if found & {"pixel", "pixels", "px"} or joined in _PIXEL:
        return "pixel"
    if found <= _INDEX | {"n", "#"} or joined in ("eventid", "scanno", "unnamed0", "pointnumber"):
        return "index"
    return _signal_role(words, found, joined, text) or _book_role(words, found, joined)


def _signal_role(words: list[str], found: set[str], joined: str, text: str) -> str | None:
    has_energy = bool(found & _ENERGY) or "energ" in joined
    if re.fullmatch(r"e\d{1,2}", joined):  # E1, E2: the energies of several samples
        return "energy"
    # Words that mean an energy only where they are the whole label; "E CuO" is one too.
    whole = {"e", "x", "en", "ev", "kev", "loss", "hv", "hnu", "omega", "photon"}
    if has_energy and not found & (_MU | _NORM | _INTENSITY) - {"abs"}:
        plain = joined in whole or "energ" in joined or bool(found & (_ENERGY - whole))
        if plain or (len(words) <= 3 and words[0] == "e" and not found & (_BOOK | _I0)):
            return "requested" if found & _REQUESTED else "energy"
    if found & _ANGLE and not found & _BOOK - {"enc", "encoder", "pos", "position"}:
        return "angle"
    reference = bool(found & _REFERENCE)
    if re.fullmatch(r"x?mu_?refe?r?\d?", joined):
        return "mu_ref"
    if joined.startswith("normref"):
        return "norm_ref"
    digits = re.fullmatch(r"x?mu(\d)(\d)", joined)
    if digits:  # the logarithm of the ratio of two chambers
        return {"01": "mu_trans", "02": "mu_trans", "12": "mu_ref"}.get("".join(digits.groups()))
    if found & _NORM or re.match(r"normali[sz]ed", joined):
        if found & _I0 or "lytle" in found:
            return "book"
        return "norm_ref" if reference else "norm"
    mu = found & _MU or re.fullmatch(r"x?mu[te]?\d{0,2}", words[0])
    if mu:
        if reference:
            return "mu_ref"
        if found & (_TRANS | {"mut", "xmut", "mutrans"}):
            return "mu_trans"
        return "mu_fluor" if found & (_FLUO | {"muf", "xmuf", "mufluor", "mufluo"}) else "mu"
    logs = re.match(r"\W*(?:ln|log)\W*(?:\(?i|trans)", text)
    if logs:
        # The beam behind the second chamber passed the reference.
        return "mu_ref" if re.search(r"ref|i2|it\W*/\W*ir", text) else "mu_trans"
    if re.fullmatch(r"ln|abs", joined):
        return "mu"
    if found & _I0 or any(re.fullmatch(r"i0\d?|ic0|ionchamber0", word) for word in words):
        return "i0_other" if found & {"corr", "correction", "corrected"} else "i0"
    if found & _TEY or re.search(r"electronyield|samplecurrent|draincurrent", joined):
        return "tey"
    if joined in ("i2", "ir") or (reference and not found & _FLUO):
        return "ir"
    if joined in ("it", "i1") or found & _TRANS or words[0] in ("i1", "it"):
        return "it"
    if words[0] in ("i2", "ir"):
        return "ir"
    element = r"(?:[a-z]*roi|dtc|sca|mca|fla|fl|ifch|ffch|fluo?|sdd|ge)\d+|flatot"
    if found & _FLUO or any(re.fullmatch(element, word) for word in words):
        return "book" if found & {"slow", "fast", "icr", "ocr"} else "if"
    if re.fullmatch(r"if(?:slow|fast)\d*", joined):
        return "book"
    if joined in ("mon", "monitor", "monex") or found & {"mon", "monitor"}:
        return "i0_other"
    if found & _INTENSITY or re.match(r"intensit", joined):
        return "intensity"
    if found & _COUNTS:
        return "counts"
    return None


def _book_role(words: list[str], found: set[str], joined: str) -> str | None:
    if found & _BOOK or re.search(r"(?:icr|ocr|deadtime|dtfactor|outputcounts)", joined):
        return "book"
    if re.fullmatch(r"[hkl]|i[xy]\d|[xyz]\d?|phi|chi|omega|mu\d?m", joined):
        return "book"
    return None


def speaks_of_another_axis(line: str) -> bool:
    """Whether a line that could not be split into labels names an abscissa of another kind."""
    found = set(_words(line[:500]))
    other = _ELECTRON | _OTHER | {"emission", "emitted", "theta", "2theta", "temperature"}
    return bool(found & other) and not found & {"incident", "photon"}


def words_of(text: str) -> frozenset[str]:
    """The words of a label in lower case."""
    return frozenset(_words(text))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _cased(text)]


def _cased(text: str) -> list[str]:
    """Words of a label: split at blanks, marks, and where lower case turns into upper case."""
    text = unicodedata.normalize("NFKC", text).replace("μ", "mu").replace("χ", "chi")
    text = text.replace("θ", "theta").replace("ΔE", "delta E").replace("ω", "omega")
    for japanese, english in _JAPANESE:
        text = text.replace(japanese, f" {english} ")
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z]{2})", " ", text)
    text = re.sub(r"_c\d+$", "", text)  # the number of the column, as some programs append it
    # "fla01", "Detector2": the number belongs to the name, "mu2" stays whole.
    return re.findall(r"[A-Za-z]+\d*|\d+", text)


def _without_unit(text: str) -> tuple[str, str | None]:
    """A label without the unit at its end: in brackets, after a slash, a comma or a ``_``."""
    match = re.search(r"\s*[(\[{]\s*([^()\[\]{}]{1,12})\s*[)\]}]\s*\*?$", text[-40:])
    if match and not re.fullmatch(r"(?i)e|k|r|alt|i0.*|i1.*|it.*", match.group(1)):
        cut = len(text) - len(text[-40:]) + match.start()
        if text[:cut].strip():
            return text[:cut], unit_name(match.group(1)) or match.group(1)
    match = re.search(r"[\s_/,-]+(m?k?eV)\s*$", text[-40:], re.IGNORECASE)
    if match:
        cut = len(text) - len(text[-40:]) + match.start()
        if text[:cut].strip():
            return text[:cut], unit_name(match.group(1))
    if text.lower() in ("ev", "kev"):
        return text, unit_name(text)
    return text, None


def unit_name(text: str) -> str | None:
    """``eV``, ``keV``, ``meV`` or a word for what is no energy, from the words vendors use.

    None where the text says nothing of a unit.
    """
    bare = re.sub(r"[^a-zµμå°/ ]", " ", text.lower()).strip()
    words = bare.split()
    joined = "".join(words)
    for unit, names in (
        ("keV", ("kev", "kiloelectronvolt", "kiloelectronvolts", "kilovolts", "kv")),
        ("meV", ("mev", "millielectronvolt", "millielectronvolts")),
        ("eV", ("ev", "electronvolt", "electronvolts", "electron", "volt", "volts")),
    ):
        if any(name in words or name == joined for name in names):
            # A capital M is a million: MeV is the nuclear physicist's.
            return "MeV" if unit == "meV" and "MeV" in text else unit
    for unit in ("pixel", "channel", "angle", "time"):
        pattern = {
            "pixel": r"px|pixels?",
            "channel": r"channels?|ch|index|points?",
            "angle": r"deg|degrees?|°|rad|radians?|mrad|angle|theta",
            "time": r"s|sec|secs|seconds?|ms|time|min|h|hours?",
        }[unit]
        if any(re.fullmatch(pattern, word) for word in words) or re.fullmatch(pattern, joined):
            return unit
    if re.search(r"\b(?:nm|å|angstroms?|cm)\b|1/a\b", bare):
        return "wavelength or wavenumber"
    return None


def _emission(text: str) -> tuple[str, str] | None:
    """The emission line in a label: element and shell of the hole."""
    from_start = re.sub(r"^[A-Za-z0-9]*?[:_](?=[A-Z])", "", text)
    for candidate in (text, from_start, *re.split(r"[:_ .]", text)):
        match = _LINE.match(candidate)
        if match and not re.match(r"[a-z]{2,}", candidate[match.end() :]):
            return match.group(1), match.group(2)
    return None
