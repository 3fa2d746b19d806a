"""Made sites whose Hamiltonians follow a rule, for the tests of their learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ml.hamiltonian.inputs import SiteInput
from ml.hamiltonian.parameters import CONSTANTS, DIFFERENCES, MATRICES, SCALARS, Hamiltonian

FloatArray = NDArray[np.float64]
SOFTNESS, RADIUS = {8: 0.0, 9: -0.7, 17: 0.2}, {8: 1.4, 9: 1.33, 17: 1.81}
_S = np.sqrt(3.0) / 2.0
_QUADRATIC = np.array(
    [
        np.diag([-0.5, -0.5, 1.0]),
        np.diag([_S, -_S, 0.0]),
        [[0, _S, 0], [_S, 0, 0], [0, 0, 0]],
        [[0, 0, _S], [0, 0, 0], [_S, 0, 0]],
        [[0, 0, 0], [0, 0, _S], [0, _S, 0]],
    ]
)


def of_d(rotation: FloatArray) -> FloatArray:
    """(5, 5): what a rotation does to the d orbitals."""
    turned = np.einsum("ai,mij,bj->mab", rotation, _QUADRATIC, rotation)
    return np.einsum("mab,nab->nm", turned, _QUADRATIC) / 1.5


def made_site(ion: tuple[int, int], ligands: Sequence[int], seed: int) -> SiteInput:
    """A distorted shell about an ion."""
    rng = np.random.default_rng(seed)
    n = len(ligands)
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])[:n]
    radius = np.array([RADIUS[one] for one in ligands])
    vectors = corners * (0.7 + radius)[:, None] + rng.normal(scale=0.08, size=(n, 3))
    distances = np.linalg.norm(vectors, axis=1)
    units = vectors / distances[:, None]
    strengths = (2.1 / distances) ** 4
    along = np.einsum("mab,na,nb->mn", _QUADRATIC, units, units)
    sigma = np.einsum("mn,nx,n->mnx", along, units, 3.0 * strengths)
    across = np.eye(3) - np.einsum("na,nb->nab", units, units)
    pi = np.einsum("mab,nb,nax,n->mnx", _QUADRATIC, units, across, -1.6 * strengths)
    among = np.zeros((3 * n, 3 * n))
    for i in range(n):
        for j in range(n):
            if i != j:
                bond = vectors[j] - vectors[i]
                d2 = bond @ bond
                block = (3.2 * np.outer(bond, bond) / d2 - 0.8 * np.eye(3)) / d2
                among[3 * i : 3 * i + 3, 3 * j : 3 * j + 3] = block
    outer = np.zeros((4, 3 * n))
    outer[0] = (units / distances[:, None]).ravel()
    outer[1:] = np.hstack([3.0 * np.outer(u, u) - np.eye(3) for u in units])
    gradient = rng.normal(size=(1 + n, 3, 3))
    gradient = gradient + gradient.transpose(0, 2, 1)
    field = np.einsum("mn,kn,n->mk", along, along, strengths)
    field = field - np.trace(field) / 5.0 * np.eye(5)
    quick = dict.fromkeys(SCALARS, 5.0 + 0.3 * (ion[0] - 25)) | {"offset": 30.0 * ion[0]}
    return SiteInput(
        ion=ion,
        ligands=tuple(ligands),
        softness=np.array([SOFTNESS[one] for one in ligands]),
        radius=radius,
        distances=distances,
        strengths=strengths,
        sigma=sigma.reshape(5, 3 * n),
        pi=pi.reshape(5, 3 * n),
        among=among,
        outer=outer,
        potential=np.concatenate([[-25.0], 25.0 + rng.normal(size=n)]),
        gradient=gradient,
        charges_field=np.array([field, 0.1 * field]),
        scalars=quick,
        field=field,
    )


def truth_of(site: SiteInput) -> Hamiltonian:
    """A smooth rule in ion, ligand and bonds."""
    bonds = site.bonds.mean(axis=0)
    lean = 0.1 * bonds[0] - 0.15 * bonds[2] + 0.1 * bonds[4]
    scalars = {
        name: site.scalars[name] + lean
        if name in DIFFERENCES
        else site.scalars[name] * float(np.exp(lean))
        for name in SCALARS
    }
    scalars |= dict.fromkeys(CONSTANTS, 0.1 * site.ion[0])
    matrices = {}
    for name, bases_of in MATRICES.items():
        bases = bases_of(site)
        total = bases.fixed * 0.8 + 0.1 * (1.0 + lean) * bases.of_bonds[0].sum(axis=0)
        total = (total + 0.05 * bases.of_shell[0]) * bases.unit
        if name == "v":
            values, columns = np.linalg.eigh(total)
            total = (columns * np.sqrt(np.clip(values, 0.0, None))) @ columns.T
        for state in ("initial", "final"):
            matrices[f"{state}.{name}"] = total
    return Hamiltonian(scalars, matrices)


def turned(site: SiteInput, rotation: FloatArray) -> SiteInput:
    """The same site in other axes."""
    d, n = of_d(rotation), len(site.ligands)
    p = np.kron(np.eye(n), rotation)
    sp = np.eye(4)
    sp[1:, 1:] = rotation
    return replace(
        site,
        sigma=d @ site.sigma @ p.T,
        pi=d @ site.pi @ p.T,
        among=p @ site.among @ p.T,
        outer=sp @ site.outer @ p.T,
        gradient=rotation @ site.gradient @ rotation.T,
        charges_field=d @ site.charges_field @ d.T,
        field=d @ site.field @ d.T,
    )


def made_set() -> tuple[list[SiteInput], list[Hamiltonian], list[str]]:
    """Sites, truths and families: three ions, three ligands, mixed shells."""
    sites: list[SiteInput] = []
    families: list[str] = []
    for ion in ((25, 2), (26, 2), (27, 2)):
        for kind, ligands in (
            ("O", [8] * 6), ("F", [9] * 6), ("Cl", [17] * 6), ("O Cl", [8, 8, 8, 8, 17, 17]),
        ):  # fmt: skip
            for _ in range(2):
                sites.append(made_site(ion, ligands, len(sites)))
                families.append(f"{ion} {kind}")
    return sites, [truth_of(site) for site in sites], families
