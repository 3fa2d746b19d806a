"""What a score and a probability mean, and how well they have held so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe
from django_q.tasks import async_task

from compute.matching.posterior import MIN_PAIRS
from spectradb.formulae import edge_text
from spectradb.models.visibility import CURATE
from spectradb.plots import Band, Curve, Figure
from spectradb.services.accounts.roles import may_curate
from spectradb.services.matching.groups import groups
from spectradb.services.matching.reliability import ReliabilityReport, kept_reliability
from spectradb.views.spectra.figures import Plot


@require_safe
def how(request: HttpRequest) -> HttpResponse:
    rows: list[dict[str, Any]] = []
    for group, low, high in groups():
        told = kept_reliability(group)
        rows.append(
            {
                "key": f"{group.absorber}-{group.edge}-{group.kind}",
                "words": f"{group.absorber} {edge_text(group.edge)}",
                "group": group,
                "low": low,
                "high": high,
                "told": told,
            }
        )
    measured = [row for row in rows if row["told"]]
    asked = request.GET.get("library", "")
    shown = next((row for row in measured if row["key"] == asked), None)
    if shown is None and measured:
        shown = max(
            measured, key=lambda row: (row["told"].source == "curated", row["told"].n_queries)
        )
    context = {
        "rows": rows,
        "measured": measured,
        "shown": shown,
        "plot": reliability_plot(shown["told"]) if shown else None,
        "least": MIN_PAIRS,
        "may_curate": may_curate(request.user),
    }
    return render(request, "matching/how.html", context)


@permission_required(CURATE, raise_exception=True)
@require_POST
def measure(request: HttpRequest) -> HttpResponse:
    """Queue a rehearsal of one library."""
    parts = request.POST.get("library", "").split("-")
    known = {(g.absorber, g.edge, g.kind) for g, _, _ in groups()}
    if len(parts) != 3 or tuple(parts) not in known:
        raise Http404
    async_task("spectradb.tasks.measure_reliability", *parts)
    messages.success(request, gettext("Queued. The diagram shows here when it is done."))
    return redirect("match-how")


def reliability_plot(told: ReliabilityReport) -> Plot:
    """Share that was right against the probability claimed, with 68 % intervals."""
    columns = [
        (one.confidence, one.accuracy, one.accuracy_low, one.accuracy_high) for one in told.bins
    ]
    claimed, found, low, high = np.array(columns).T
    low, high = np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
    exact, words = gettext("exact"), gettext("Found")
    figure = Figure(
        gettext("Probability claimed"),
        gettext("Share that was right"),
        (0.0, 1.0),
        (0.0, 1.0),
        [
            Curve(exact, np.array([0.0, 1.0]), np.array([0.0, 1.0]), "reference", "ink", key=exact),
            Curve(words, claimed, found, "line", "s1", key=words),
            Curve(words, claimed, found, "points", "s1"),
        ],
        [Band(claimed, low, high, 1, "s1", gettext("68 % interval"))],
    )
    return Plot("plot", figure, gettext("Reliability diagram"))
