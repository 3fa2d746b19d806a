"""The residual map: every spectrum that a model was trained or measured on, by its surprise."""

from __future__ import annotations

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from spectradb.models import TrainedModel
from spectradb.plots import Curve, Figure, nice_range
from spectradb.services.learning.residual_map import Residuals, kept_residuals, most_surprising
from spectradb.views.spectra.figures import Plot

MOST_ROWS = 50


@require_safe
def residuals(request: HttpRequest, name: str) -> HttpResponse:
    """The map of one model and its most surprising spectra."""
    row = get_object_or_404(TrainedModel.objects.defer("held_out", "request"), name=name)
    found = kept_residuals(name)
    context = {
        "row": row,
        "n": 0 if found is None else len(found.keys),
        "plot": None if found is None or len(found.keys) < 3 else residual_plot(found),
        "rows": [] if found is None else most_surprising(found, MOST_ROWS),
    }
    return render(request, "learning/residuals.html", context)


def residual_plot(found: Residuals) -> Plot:
    """log₁₀ of the surprise against trust, spectra that were held out wholly apart from those that
    were trained on."""
    y = np.log10(np.maximum(found.surprise, 1e-6))
    curves = []
    for chosen, colour, words in (
        (found.seen, "s1", gettext("Cross-validated")),
        (~found.seen, "s2", gettext("Held out")),
    ):
        order = np.flatnonzero(chosen)[np.argsort(found.trust[chosen], kind="stable")]
        if order.size:
            curves.append(Curve(words, found.trust[order], y[order], "points", colour, key=words))
    expected = gettext("as the error bars say")
    line = Curve(expected, np.array([0.0, 1.0]), np.zeros(2), "reference", "ink", key=expected)
    figure = Figure(
        gettext("Trust"),
        gettext("log_{10} of the surprise (σ)"),
        (0.0, 1.0),
        nice_range(float(min(y.min(), 0.0)), float(max(y.max(), 0.0)), floor=None),
        [line, *curves],
    )
    return Plot("plot", figure, gettext("Surprise of each spectrum against the trust in it"))
