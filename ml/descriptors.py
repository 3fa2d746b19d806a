"""Fixed-length descriptions of an absorbing site, in blocks that can be used one by one.

========== ============================================================ ==============
block      what                                                         after
========== ============================================================ ==============
composition statistics of element properties over the cell               Ward 2016
rdf        radial distribution around the absorber, element-weighted    Behler 2011
coulomb    sorted eigenvalues of the Coulomb matrix of the cluster       Rupp 2012
bonds      smooth coordination, nearest distances, angle histogram       —
power      rotation-invariant power spectrum of the weighted density     Bartók 2013
shell      mean of ``rdf`` and ``bonds`` over the first shell            —
========== ============================================================ ==============

Ward et al., npj Comput. Mater. 2 (2016) 16028; Behler, J. Chem. Phys. 134 (2011) 074106; Rupp et
al., PRL 108 (2012) 058301; Bartók et al., PRB 87 (2013) 184115.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import sph_harm_y

from ml.crystals import Crystal, Neighbours, neighbours
from ml.elements import element_table

Float = NDArray[np.float64]

CUTOFF = 7.0  # Å
BLOCKS = ("composition", "rdf", "coulomb", "bonds", "power", "shell")

_RDF_CENTRES = np.arange(1.4, CUTOFF, 0.28)
_RDF_WIDTH = 0.28
_POWER_CUTOFF = 5.5
_POWER_CENTRES = np.array([1.6, 2.2, 2.9, 3.8, 4.8])
_POWER_WIDTHS = np.array([0.35, 0.4, 0.5, 0.6, 0.7])
_L_MAX = 4
_CLUSTER = 20
_NEAREST = 12
_ANGLES = np.linspace(-1.0, 1.0, 12)
_SAME = 1e-3  # Å: neighbours closer in distance than this have no order of their own


def site_descriptors(
    crystal: Crystal, sites: Sequence[int], blocks: Sequence[str] = BLOCKS
) -> dict[str, Float]:
    """Descriptors of some sites of one structure.

    Returns
    -------
    dict
        Block name → (n_sites, width) float64.
    """
    table = element_table()
    near = neighbours(crystal, CUTOFF)
    weights = np.concatenate([np.ones((len(table), 1)), table[:, :10]], axis=1)  # (104, 11)
    local: dict[int, Float] = {}

    def environment(atom: int) -> Float:
        if atom not in local:
            part = slice(near.start[atom], near.start[atom + 1])
            r, z = near.distance[part], crystal.numbers[near.atom[part]]
            kinds = weights[z[_order(r, z)]]
            bonds = _bonds(r, near.vector[part], kinds)
            local[atom] = np.concatenate([_rdf(r, weights[z]), bonds])
        return local[atom]

    rdf_width = len(_RDF_CENTRES) * weights.shape[1]
    found: dict[str, list[Float]] = {block: [] for block in blocks}
    for site in sites:
        part = slice(near.start[site], near.start[site + 1])
        r, vector, atom = near.distance[part], near.vector[part], near.atom[part]
        own = environment(site)
        for block in blocks:
            if block == "composition":
                value = _composition(crystal, table)
            elif block == "rdf":
                value = own[:rdf_width]
            elif block == "bonds":
                value = own[rdf_width:]
            elif block == "coulomb":
                value = _coulomb(crystal.numbers, site, r, vector, atom)
            elif block == "power":
                value = _power(r, vector, weights[crystal.numbers[atom]][:, [0, 1, 4, 9]])
            else:
                value = _shell(near, site, environment)
            found[block].append(value)
    return {block: np.array(rows) for block, rows in found.items()}


def describe(
    crystals: Iterable[tuple[Crystal, Sequence[int]]], blocks: Sequence[str] = BLOCKS
) -> dict[str, NDArray[np.float32]]:
    """:func:`site_descriptors` of many structures, rows in the order given; float32."""
    parts = [site_descriptors(crystal, sites, blocks) for crystal, sites in crystals]
    return {b: np.concatenate([p[b] for p in parts]).astype(np.float32) for b in blocks}


def _smooth(r: Float, cutoff: float) -> Float:
    return 0.5 * (np.cos(np.pi * np.minimum(r / cutoff, 1.0)) + 1.0)


def _composition(crystal: Crystal, table: Float) -> Float:
    values = table[crystal.numbers]  # (n, p)
    mean = values.mean(axis=0)
    return np.concatenate(
        [mean, values.std(axis=0), values.min(axis=0), values.max(axis=0),
         [np.log(abs(np.linalg.det(crystal.lattice)) / len(crystal.numbers))]]
    )  # fmt: skip


def _rdf(r: Float, weights: Float) -> Float:
    basis = np.exp(-0.5 * ((r[:, None] - _RDF_CENTRES) / _RDF_WIDTH) ** 2)
    basis *= (_smooth(r, CUTOFF) / np.maximum(r, 1.0) ** 2)[:, None] * 4.0
    return (basis.T @ weights).ravel()


def _order(r: Float, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The nearest first, and of those at one distance the lightest: no labelling of the atoms and
    no rounding of a turned lattice changes it."""
    return np.lexsort((numbers, np.cumsum(np.diff(r, prepend=r[:1]) > _SAME)))


def _bonds(r: Float, vector: Float, weights: Float) -> Float:
    """Nearest distances and elements (``weights`` in :func:`_order`), smooth coordination numbers
    and an angle histogram of the first shell."""
    nearest = np.full(_NEAREST, CUTOFF)
    nearest[: min(_NEAREST, r.size)] = r[:_NEAREST]
    kinds = np.zeros((6, 4))
    kinds[: min(6, r.size)] = weights[:6][:, [1, 3, 4, 5]]
    first = r[0] if r.size else CUTOFF
    shells = np.array(
        [(1.0 / (1.0 + np.exp((r - s * first) / 0.1))).sum() for s in (1.1, 1.25, 1.5)]
    )
    close = r < 1.45 * first
    unit = vector[close] / r[close][:, None]
    w = np.exp(-(((r[close] - first) / 0.5) ** 2))
    cosine = unit @ unit.T
    pair = np.outer(w, w)
    np.fill_diagonal(pair, 0.0)
    histogram = (pair[..., None] * np.exp(-0.5 * ((cosine[..., None] - _ANGLES) / 0.15) ** 2)).sum(
        axis=(0, 1)
    )
    dipole = np.linalg.norm((unit * w[:, None]).sum(axis=0)) / max(float(w.sum()), 1e-9)
    return np.concatenate(
        [nearest, 4.0 / nearest**2, kinds.ravel(), shells, histogram / max(w.sum(), 1e-9), [dipole]]
    )


def _coulomb(
    numbers: NDArray[np.int64], site: int, r: Float, vector: Float, atom: NDArray[np.int64]
) -> Float:
    """Sorted eigenvalues of the Coulomb matrix of the absorber and its nearest atoms."""
    n = min(_CLUSTER - 1, r.size)
    z = np.concatenate([[numbers[site]], numbers[atom[:n]]]).astype(float)
    at = np.concatenate([np.zeros((1, 3)), vector[:n]])
    apart = np.linalg.norm(at[:, None] - at[None], axis=-1)
    np.fill_diagonal(apart, 1.0)
    matrix = np.outer(z, z) / apart
    np.fill_diagonal(matrix, 0.5 * z**2.4)
    eigenvalues = np.zeros(_CLUSTER)
    eigenvalues[: n + 1] = np.sort(np.abs(np.linalg.eigvalsh(matrix)))[::-1]
    return np.asarray(np.log1p(eigenvalues))


def _power(r: Float, vector: Float, weights: Float) -> Float:
    """p_{nn'l}^{ww'} = Σ_m c*_{nlm}^w c_{n'lm}^{w'}, square-rooted to tame its range."""
    close = r < _POWER_CUTOFF
    r, vector, weights = r[close], vector[close], weights[close]
    radial = np.exp(-0.5 * ((r[:, None] - _POWER_CENTRES) / _POWER_WIDTHS) ** 2)
    radial *= (_smooth(r, _POWER_CUTOFF) / np.maximum(r, 1.0))[:, None]
    pair = radial.shape[1] * weights.shape[1]
    density = (radial[:, :, None] * weights[:, None, :]).reshape(r.size, pair)  # (p, n·w)
    theta = np.arccos(np.clip(vector[:, 2] / np.maximum(r, 1e-9), -1, 1))
    phi = np.arctan2(vector[:, 1], vector[:, 0])
    upper = np.triu_indices(density.shape[1])
    parts = []
    for l in range(_L_MAX + 1):
        m = np.arange(-l, l + 1)[:, None]
        harmonics = sph_harm_y(l, m, theta, phi)  # (2l+1, p)
        c = harmonics @ density
        p = (c.conj().T @ c).real[upper] * (4 * np.pi / (2 * l + 1))
        parts.append(np.sign(p) * np.sqrt(np.abs(p)))
    return np.concatenate(parts)


def _shell(near: Neighbours, site: int, environment: Callable[[int], Float]) -> Float:
    part = slice(near.start[site], near.start[site + 1])
    r = near.distance[part]
    close = r < 1.3 * r[0] if r.size else r < 0
    if close.sum() > 12:
        close &= r < r[11] + _SAME  # whole shells: none of them is before another
    atoms = near.atom[part][close]
    rows = np.array([environment(int(a)) for a in atoms]) if atoms.size else None
    if rows is None:
        return np.zeros_like(environment(site))
    return np.asarray(rows.mean(axis=0))
