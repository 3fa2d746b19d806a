"""Errors and warnings of the numerical packages in words for a page.

They name a field as commands, files and the API do (``crystal_field.ten_dq``, ``--phase``), which
is right there; a page's reader has never seen that name.
"""

from __future__ import annotations

import re

from spectradb.said import said

_FIELDS = {
    "ten_dq": "10Dq", "ds": "Ds", "dt": "Dt", "delta": "Δ", "u_dd": "Udd", "u_pd": "Upd",
    "v_eg": "V(eg)", "v_t2g": "V(t2g)", "v": "hopping matrix", "ligand": "ligand energies",
    "n_d": "number of 3d electrons", "hwhm_ev": "line width", "l3": "L3", "l2": "L2",
    "fwhm_gauss_ev": "Gaussian width", "temperature_k": "temperature",
    "exchange_field_ev": "exchange field", "slater_scale": "share of the Slater integrals",
    "gaussian_sigma_ev": "Gaussian σ", "energy_range": "range", "max_peaks": "number of peaks",
    "edge_step": "edge step", "edge_splitting_ev": "distance of the two edges",
    "energy_ev": "energy", "max_shift_ev": "largest shift", "initial": "initial state",
    "final": "final state", "final_field": "field beside the core hole", "e0": "E0",
    "pre": "pre-edge range", "post": "post-edge range", "pre_degree": "degree before the edge",
    "hwhm_growth": "growth of the line width", "fano_q": "Fano q", "zeta_3d": "ζ(3d)",
    "zeta_2p": "ζ(2p)",
}  # fmt: skip
_OPTIONS = {
    "phase": "the choice “Dispersive phases”", "unit": "the unit", "energy": "the energy column",
    "signal": "the signal column", "i0": "the I0 column", "element": "the element",
    "edge": "the edge", "space-group": "the symmetry operations",
    "oxidation-state": "a stated valence", "keep-doubted": "a curator",
}  # fmt: skip
_FIELD = re.compile(r"^(?P<name>[A-Za-z][\w.]*(?:\[\d+\])?): ")
_SITE = re.compile(r"sites?\[(\d+)\]")
_GOT = re.compile(r" \(got (?P<value>.*)\)$", re.DOTALL)
_ION = re.compile(r"'?\b([A-Z][a-z]?) ([+-])(\d(?:\.\d+)?)'?")
_OPTION = re.compile(r"--([a-z0-9][a-z0-9-]*)")
_COMMAND = re.compile(r"^(?:manage\.py )?[a-z]+(?:_[a-z0-9]+)+: ")
_CODE = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")


def in_words(told: object) -> str:
    """Errors or warnings, one a line, as a page says them, in the reader's language."""
    return "\n".join(said(_without_code(line)) for line in str(told).split("\n"))


def _without_code(text: str) -> str:
    text = _COMMAND.sub("", text) if not _name(text) else text
    value = ""
    if got := _GOT.search(text):
        text, value = text[: got.start()], got["value"].strip("'\"")
    field = _FIELD.match(text)
    if field and (got or _name(text) or _SITE.fullmatch(field["name"])):
        name, rest = _field(field["name"]), text[field.end() :]
        if ion := _ION.fullmatch(value):
            name, value = f"{_ion(ion)} ({name})", ""
        text = f"{name}{f' is {value}' if value and value != 'None' else ''}: {rest}"
    elif value:
        text = f"{text} ({value})"
    text = _SITE.sub(lambda m: f"atom {int(m[1]) + 1}", text)
    text = _ION.sub(_ion, text)
    text = _OPTION.sub(lambda m: _OPTIONS.get(m[1], m[1].replace("-", " ")), text)
    return _CODE.sub(lambda m: _FIELDS.get(m[0], m[0].replace("_", " ")), text)


def _name(text: str) -> bool:
    """Whether the text begins with the name of a field of ours, rather than of a command."""
    found = _FIELD.match(text)
    return found is not None and found["name"].split(".")[-1] in _FIELDS


def _field(name: str) -> str:
    if site := _SITE.fullmatch(name):
        return f"atom {int(site[1]) + 1}"
    parts = [part for part in name.split(".") if part not in ("crystal_field", "charge_transfer")]
    return " ".join(_FIELDS.get(part, part.replace("_", " ")) for part in parts) or name


def _ion(found: re.Match[str]) -> str:
    """``Cu +1`` as Cu⁺ is spoken of: Cu1+."""
    return f"{found[1]}{found[3]}{'+' if found[2] == '+' else '−'}"
