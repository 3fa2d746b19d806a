"""A kept match as plain values, for the API and for downloading."""

from __future__ import annotations

from typing import Any

from spectradb.models import Match, MatchRun
from spectradb.models.visibility import as_condition, public_spectra

_TOLD = (
    "calibrated", "range_ev", "p_value", "warnings", "valences", "edges", "compounds", "levels",
    "alternatives", "told", "mixture",
)  # fmt: skip


def report_of(run: MatchRun) -> dict[str, Any]:
    """Query, options, candidates and how sure, as plain values."""
    return {
        "token": run.token,
        "status": run.job_status,
        "error": run.error,
        "query": {"spectrum_id": run.query_id, "file": run.upload.name if run.upload else None},
        "options": run.options,
        "none_of_these": run.none_of_these,
        "n_library": run.n_library,
        "n_calibration_pairs": run.n_calibration_pairs,
        **{key: run.details.get(key) for key in _TOLD},
        "matches": [
            {
                "spectrum_id": one.candidate_id,
                "structure_id": one.candidate.structure_id,
                "formula": one.candidate.formula,
                **{
                    name: getattr(one, name)
                    for name in (
                        "rank", "score", "probability", "shift_ev", "scale", "sigma_ev",
                        "gamma_ev", "r_squared",
                    )
                },
            }
            for one in _shown(run)
        ],
    }  # fmt: skip


def _shown(run: MatchRun) -> list[Match]:
    """Candidates that are still public, best first."""
    rows = run.matches.filter(as_condition([public_spectra()], "candidate__"))
    rows = rows.select_related("candidate")
    return list(rows.defer("candidate__energy", "candidate__intensity", "overlay").order_by("rank"))
