"""Files made to cost much: refused in words by the child that reads uploads, within its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from compute.errors import ReadError, SkipFile
from compute.io import read_bytes
from compute.io.dispatch import UNFORESEEN
from compute.isolation import StoppedError, apart
from compute.structures.read import read_crystals
from tests.hostile_files import SPECTRA, STRUCTURES

# Large ones take most of a second each to be made and looked at.
_LARGE = {
    "many-fields.xdi", "no-fields.xdi", "comments.xdi", "columns.xdi", "words.dat", "header.dat",
    "rows.dat", "wide.dat", "header.msa", "groups.h5", "rows.h5", "deep.h5", "json.prj", "args.prj",
    "numbers.prj", "groups.prj", "text.dat.gz", "zeros.gz", "bomb.gz.gz", "minus.dat", "labels.xdi",
    "columns.cif", "values.cif", "POSCAR.many", "empty-blocks.cif", "loop.cif", "blocks.cif",
    "symmetry.cif", "one-field.xdi", "silent.cif", "atoms.cif", "structures.json", "sites.json",
    "chunk.h5", "one-line.dat", "blank.dat", "deep.json", "nested.prj", "kek-long.dat",
}  # fmt: skip
_READ = {"attribute.h5", "wide.dat", "huge.dat"}
_STRUCTURES_READ = {
    "values.cif", "columns.cif", "text.cif", "quotes.cif", "formula.cif", "brackets.cif",
    "exponent.cif", "class.json",
}  # fmt: skip
"""Odd, and yet files that can be read or asked about."""


def _each(names: Iterable[str]) -> list[object]:
    marks = [pytest.mark.slow]
    return [pytest.param(name, marks=marks if name in _LARGE else []) for name in names]


def _said(function: Callable[..., list[Any]], *args: object) -> tuple[list[Any], str]:
    """What was read, and the words of a refusal; never that it had to be stopped."""
    try:
        found = apart(function, *args)
    except StoppedError as error:
        pytest.fail(f"stopped: {error}")
    except (ReadError, SkipFile) as error:
        return [], str(error)
    return [one for one in found if not isinstance(one, ReadError)], ""


@pytest.mark.parametrize("name", _each(SPECTRA))
def test_a_hostile_spectrum_is_refused_in_words(name: str) -> None:
    found, told = _said(read_bytes, name, SPECTRA[name]())
    assert not found or name in _READ
    assert UNFORESEEN not in told


@pytest.mark.parametrize("name", _each(STRUCTURES))
def test_a_hostile_structure_is_refused_in_words(name: str) -> None:
    found, _ = _said(read_crystals, STRUCTURES[name]().decode("latin-1"), name)
    assert not found or name in _STRUCTURES_READ
