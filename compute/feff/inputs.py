"""The input file of one edge of one site, as pymatgen's ``MPXANESSet`` makes it.

These are the parameters of the Materials Project's spectra (K. Mathew et al., Sci. Data 5 (2018)
180151): self-consistent potentials within 4.5 Å, full multiple scattering within 7.5 Å, a screened
core hole by the final-state rule, Hedin–Lundqvist self-energy.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from compute.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

RADIUS_ANG = 10.0  # of the cluster
K_MAX = 3.7  # 1/Å, of MPXANESSet: 52 eV above the edge
_K_STEP, _FINEST_EV = 0.04, 0.1
_GENTLY = ("100", ".05")  # iterations, share of the new density; MPXANESSet has 30 and .2
EV_ANG2 = 3.8099821  # ħ²/2m
_ALIASES = {"D": "H", "T": "H"}


@dataclass(frozen=True)
class FeffInput:
    """What FEFF is given.

    Attributes
    ----------
    text : str
        ``feff.inp``.
    cards : dict of str to str
        Its parameters, without atoms and potentials.
    n_atoms : int
        Of the cluster.
    """

    text: str
    cards: dict[str, str]
    n_atoms: int

    def gently(self) -> FeffInput:
        """The same, its potentials mixed a quarter as fast: where the usual mixing overshoots."""
        card = self.cards["SCF"].split()
        card[2:4] = _GENTLY
        scf = " ".join(card)
        text = self.text.replace(f"\nSCF {self.cards['SCF']}\n", f"\nSCF {scf}\n")
        return FeffInput(text, self.cards | {"SCF": scf}, self.n_atoms)


def feff_input(
    structure: Structure, site_index: int, edge: str, *, above_ev: float = 0.0
) -> FeffInput:
    """The input of one single edge.

    Parameters
    ----------
    structure : pymatgen Structure
        Ordered; charges are left out, since FEFF finds them itself.
    site_index : int
        The absorbing atom.
    edge : str
        ``K``, ``L3`` …; FEFF would take a joined name for one of its members.
    above_ev : float
        How much farther than usual above the edge the spectrum is to reach, eV.

    Raises
    ------
    InputError
        Partial occupancy, or an edge that is not a single one.
    """
    from pymatgen.io.feff.sets import MPXANESSet

    if len(edge) > 2:
        raise InputError("edge", edge, "is several; FEFF computes one at a time")
    k_max = sqrt(K_MAX**2 + above_ev / EV_ANG2)
    made = MPXANESSet(
        site_index,
        _bare(structure),
        edge=edge,
        radius=RADIUS_ANG,
        user_tag_settings={"XANES": f"{k_max:.4g} {_K_STEP:g} {_FINEST_EV:g}"},
    )
    parts = made.all_input()
    text = "\n\n".join(str(parts[name]) for name in ("PARAMETERS", "POTENTIALS", "ATOMS"))
    title = structure.composition.element_composition.reduced_formula
    cards = {str(name): str(value) for name, value in made.tags.items()}
    return FeffInput(f"TITLE {title}\n{text}\n", cards, len(made.atoms.cluster))


def _bare(structure: Structure) -> Structure:
    """Atoms alone: without charges, properties and isotopes."""
    from pymatgen.core import Structure as PymatgenStructure

    if not structure.is_ordered:
        raise InputError("structure", structure.formula, "holds partly occupied places")
    symbols = [getattr(one, "symbol", str(one)) for one in (site.specie for site in structure)]
    return PymatgenStructure(
        structure.lattice,
        [_ALIASES.get(symbol, symbol) for symbol in symbols],
        structure.frac_coords,
    )
