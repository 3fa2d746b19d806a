"""What the page of one match shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext

from compute.errors import ComputeError
from spectradb.formulae import edge_text
from spectradb.models import JobStatus, Match, MatchRun, Spectrum
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.matching.runs import Request, missing_indexes
from spectradb.views.imports.bring import file_plot
from spectradb.views.imports.notes import told_of
from spectradb.views.matching.figure import comparison_step, match_plot, shared_peaks, transformed
from spectradb.views.matching.form import choices
from spectradb.views.matching.words import verdict
from spectradb.views.site.brought import File, address_of, find_file
from spectradb.views.spectra.describe import name_of
from spectradb.views.spectra.figures import Plot

_TOLD_ELSEWHERE = ("known pairs", "explains only")  # under the table and in the verdict


def answer_context(
    request: HttpRequest, run: MatchRun, errors: dict[str, str], asked: Request
) -> dict[str, Any]:
    """All that the template needs; ``asked`` and its ``errors`` are what the form shows again."""
    candidates = list(run.matches.all())
    rank = request.GET.get("c", "1")
    shown = candidates[0] if candidates else None
    for one in candidates:
        if rank == str(one.rank):
            shown = one
    band = "shown" not in request.GET or request.GET.get("band") == "1"
    done = run.job_status == JobStatus.DONE
    waiting = run.job_status in (JobStatus.QUEUED, JobStatus.RUNNING)
    source = _source(run, asked)
    token = run.upload.token if run.upload is not None else ""
    file = find_file(request, address_of(token, asked.part)) if token else None
    return {
        "run": run,
        "waiting": waiting,
        "indexing": [_edge_words(g.absorber, g.edge) for g in missing_indexes(run)]
        if waiting
        else [],
        "behind": [_edge_words(*text.split()) for text in run.details.get("behind", [])],
        "done": done,
        "source": source,
        "form": choices(asked, source),
        "errors": errors,
        "rows": _rows(run, candidates),
        "shown": shown,
        "moved": transformed(shown) if shown else "",
        "shown_kind": shown.candidate.kind if shown else "",
        "band": band,
        "plot": match_plot(run, shown, band=band) if done else _alone(run, asked),
        "step": comparison_step(shown) if done else 0.0,
        "file": file,
        "peaks": shared_peaks(shown) if shown and done else [],
        "warnings": [
            text
            for text in run.details.get("warnings", [])
            if not any(words in text for words in _TOLD_ELSEWHERE)
        ],
        "verdict": verdict(run, candidates) if done else None,
        "mixture": _mixture(run, candidates),
        "compare_ids": ",".join(
            str(pk) for pk in ([run.query_id] if run.query_id else [])
            + [one.candidate_id for one in candidates[:4]]
        ),
        "may_submit": may_contribute(request.user),
    }  # fmt: skip


def _alone(run: MatchRun, asked: Request) -> Plot | None:
    """What was asked about, where nothing can be laid over it: it is drawn all the same."""
    if run.job_status in (JobStatus.QUEUED, JobStatus.RUNNING):
        return None
    if run.upload is None:
        return None
    try:
        return file_plot(File(run.upload, asked.part))
    except ComputeError:
        return None


def _edge_words(absorber: str, edge: str) -> str:
    return f"{absorber} {edge_text(edge)}"


def _rows(run: MatchRun, candidates: list[Match]) -> list[dict[str, Any]]:
    """Candidates as the table shows them; none of these is a row, and first when it wins."""
    calibrated = bool(run.details.get("calibrated"))
    if candidates and not calibrated:
        candidates = _by_score(candidates)
    rows: list[dict[str, Any]] = [
        {
            "match": one,
            "spectrum": one.candidate,
            "probability": one.probability,
            "percent": None if one.probability is None else round(100 * one.probability),
            "at_limit": abs(one.shift_ev)
            > 0.995 * Request.from_json(run.options).options.max_shift_ev,
        }
        for one in candidates
    ]
    if rows:
        none = run.none_of_these if calibrated else None
        row = {"match": None, "percent": None if none is None else round(100 * none)}
        if none is not None and none > max((r["probability"] or 0.0) for r in rows):
            rows.insert(0, row)
        else:
            rows.append(row)
    return rows


def _by_score(candidates: list[Match]) -> list[Match]:
    """The leading one, the others of its edge by their scores, then those of other edges.

    What is left for a surprise orders the tail of a list by probability; scores of different edges
    do not compare.
    """
    lead, *rest = candidates

    def key(one: Match) -> tuple[bool, float]:
        same = (one.candidate.absorber, one.candidate.edge, one.candidate.kind) == (
            lead.candidate.absorber, lead.candidate.edge, lead.candidate.kind,
        )  # fmt: skip
        return (not same, -one.score)

    return [lead, *sorted(rest, key=key)]


def _source(run: MatchRun, asked: Request) -> dict[str, Any]:
    """What is matched, in words."""
    if run.query is not None:
        row = run.query
        return {
            "name": name_of(row),
            "spectrum": row,
            "element": row.absorber,
            "edge": row.edge,
            "points": row.n_points,
            "low": row.energy_min,
            "high": row.energy_max,
            "warnings": [],
            "parts": [],
        }
    assert run.upload is not None
    parts = run.upload.told.get("parts") or [{}]
    part = parts[min(asked.part, len(parts) - 1)]
    return {
        "name": run.upload.name,
        "bytes": run.upload.n_bytes,
        "format": part.get("format", ""),
        "element": part.get("element", ""),
        "edge": part.get("edge", ""),
        "points": part.get("n_points"),
        "low": part.get("low_ev"),
        "high": part.get("high_ev"),
        "warnings": [note.words for note in told_of(part.get("warnings", []), None)],
        "parts": [
            {"number": k, "label": one["label"] or gettext("spectrum %d") % (k + 1)}
            for k, one in enumerate(parts)
        ],
    }


def _mixture(run: MatchRun, candidates: list[Match]) -> dict[str, Any] | None:
    """The mixture with its spectra; only where more than one is really in it."""
    told = run.details.get("mixture")
    if not told or len(told["components"]) < 2:
        return None
    rows = (
        Spectrum.objects.published()
        .without_arrays()
        .in_bulk([one["spectrum_id"] for one in told["components"]])
    )
    parts = [
        {
            "spectrum": rows.get(one["spectrum_id"]),
            "percent": 100 * one["share"],
            "error": 100 * one["share_err"],
        }
        for one in told["components"]
    ]
    return {**told, "parts": parts, "gain": told["log_evidence_gain"]}
