"""What a state costs a site: a prior, and how far its bonds are from it."""

from __future__ import annotations

from compute.sites.evidence import Evidence
from compute.sites.redox import is_open_shell, prior_costs, usual_states

_ROUGH = 1.6  # factor on the error of a sum whose parameters are rough


def state_costs(site: Evidence, *, usual: bool) -> dict[float, float]:
    """Cost of each state of a site: prior + ½ (distance to the bond-valence sum / σ)².

    ``usual`` leaves out what only the ICSD lists, for all but 3d elements.
    """
    if site.known is not None:
        return {site.known: 0.0}
    priors = usual_states(site.element) if usual else prior_costs(site.element, site.ligands)
    out: dict[float, float] = {}
    for state, prior in priors.items():
        against = (state < 0) != site.anion and not is_open_shell(site.element) and len(priors) > 1
        out[state] = prior + 6.0 * against
        if not site.silent:
            sigma = _error(site, state)
            out[state] += 0.5 * ((state - site.bond_valence_sum) / sigma) ** 2
    return out


def reversed_order(one: Evidence, state: float, other: Evidence, others: float) -> bool:
    """Whether two sites' states are in the other order than their sums, which can be trusted."""
    trusted = one.trusted and other.trusted
    return trusted and (state - others) * (one.bond_valence_sum - other.bond_valence_sum) < 0


def cost_between(site: Evidence, state: float) -> float:
    """Cost of a fractional state."""
    sigma = _error(site, state)
    off = 0.0 if site.silent else state - site.bond_valence_sum
    return 0.5 * (off / sigma) ** 2 + _between(site, state)


def _between(site: Evidence, state: float) -> float:
    """Prior cost of a fractional state: that of its two ions by their shares."""
    priors = prior_costs(site.element, site.ligands)
    low = max((q for q in priors if q <= state), default=min(priors))
    high = min((q for q in priors if q >= state), default=max(priors))
    share = 0.0 if high == low else (state - low) / (high - low)
    return (1.0 - share) * priors[low] + share * priors[high]


def _error(site: Evidence, state: float) -> float:
    """Of a sum, as the posterior weighs it, one standard deviation."""
    return (0.25 + 0.12 * abs(state)) * (1.0 if site.trusted else _ROUGH)
