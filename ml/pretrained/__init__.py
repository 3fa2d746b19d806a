"""Atoms as a pretrained interatomic potential sees them: what its layers hold of each.

A potential that was trained on the energies and forces of a million structures tells the chemistry
of an atom far beyond a small set of spectra. Each is an optional package that ships its weights,
and one module of this folder, which gives ``is_available()`` and ``embed(crystals)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.crystals import Crystal, neighbours

CHGNET: Final = "chgnet"
SEVENNET: Final = "sevennet"
POTENTIALS: Final = (CHGNET, SEVENNET)
"""Names of the potentials, and of the blocks that describe a site by them."""
_SHELL = 6.0  # Å
_FALL = 0.8  # Å; how fast a neighbour counts less than the nearest
_OF_ATOM = "-atom"


def atom_block(potential: str) -> str:
    """Name of the block that describes an atom on its own."""
    return potential + _OF_ATOM


def potential_of(block: str) -> str | None:
    """The potential that a block of descriptors comes from; None of our own."""
    name = block.removesuffix(_OF_ATOM)
    return name if name in POTENTIALS else None


def is_available(potential: str) -> bool:
    """Whether its optional package is installed."""
    return bool(_module(potential).is_available())


def code_files(potential: str) -> list[Path]:
    """What the numbers of its blocks come from."""
    here = Path(__file__).parent
    return [Path(__file__), *sorted(here.glob(f"{potential}*.py"))]


def describe(
    block: str,
    crystals: Sequence[Crystal],
    sites: Sequence[Sequence[int]],
    states: Iterable[NDArray[np.float32]] | None = None,
) -> NDArray[np.float32]:
    """(rows, width) of a block of one of the potentials: of each site its own state, that of its
    near neighbours and the crystal's mean, or of an atom block its own state alone.

    Rows follow the crystals and, within one, the sites asked for. ``states`` are those that
    :func:`embed` gives of the crystals, where they are known.

    Raises
    ------
    LearningError
        If the package is not installed, or the potential does not know an element.
    """
    name = potential_of(block)
    assert name is not None
    pooled = block == name
    rows: list[NDArray[np.float32]] = []
    known = embed(name, crystals) if states is None else states
    for crystal, chosen, atoms in zip(crystals, sites, known, strict=True):
        rows.append(_pool(crystal, chosen, atoms) if pooled else atoms[list(chosen)])
    return np.concatenate(rows)


def embed(potential: str, crystals: Sequence[Crystal]) -> Iterator[NDArray[np.float32]]:
    """(n_atoms, width) of each crystal: the states of its atoms after every layer.

    Raises
    ------
    LearningError
        As :func:`describe`.
    """
    found: Iterator[NDArray[np.float32]] = _module(potential).embed(crystals)
    return found


def _pool(
    crystal: Crystal, sites: Sequence[int], atoms: NDArray[np.float32]
) -> NDArray[np.float32]:
    near = neighbours(crystal, _SHELL, np.asarray(sites, np.int64))
    mean = atoms.mean(axis=0)
    rows = []
    for k, site in enumerate(sites):
        part = slice(near.start[k], near.start[k + 1])
        around = atoms[site]  # of a lonely atom
        if near.distance[part].size:
            beyond = near.distance[part] - near.distance[part][0]
            weight = np.exp(-((beyond / _FALL) ** 2))
            around = weight @ atoms[near.atom[part]] / weight.sum()
        rows.append(np.concatenate([atoms[site], around, mean]))
    return np.array(rows, dtype=np.float32)


def _module(potential: str) -> Any:
    return import_module(f"ml.pretrained.{potential}")
