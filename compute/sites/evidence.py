"""What bonds and groups tell of a site before its oxidation state is assigned."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """What is known of a distinct site before its state is assigned.

    Attributes
    ----------
    element : str
    amount : float
        Atoms a cell.
    bond_valence_sum : float
        Signed, negative for anions.
    ligands : tuple of str
    anion : bool
        Whether it takes charge from what it is bound to.
    bound : float or None
        Its state in a group of non-metals, the mean of equivalent atoms; None for the others.
    odd : bool
        Whether that group has strange valences.
    single : bool
        Whether it is a group by itself.
    trusted : bool
        Whether the sum is good to :func:`compute.sites.bondvalence.error_of_sum`.
    silent : bool
        Whether the lengths of its bonds tell no valence: to carbon, to hydrogen.
    stated : float or None
    """

    element: str
    amount: float
    bond_valence_sum: float
    ligands: tuple[str, ...] = ()
    anion: bool = False
    bound: float | None = None
    odd: bool = False
    single: bool = False
    trusted: bool = False
    silent: bool = False
    stated: float | None = None

    @property
    def known(self) -> float | None:
        """What is not to be assigned: stated, or given by the group."""
        return self.bound if self.stated is None else self.stated
