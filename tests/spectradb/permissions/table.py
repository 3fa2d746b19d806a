"""Who gets which answer, written by hand: for each kind of row, then for each route.

Five letters a row, one for each of PEOPLE: Y the answer, 0 told that there is no such thing, G that
it was withdrawn, N that it is not allowed, L asked to sign in (by the API with 401). An owner has
the rows that the table is about. A stranger is a contributor; a member, who has an account and no
role, gets what they do, but N where it is C for Y and X for 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PEOPLE = ("visitor", "stranger", "owner", "curator", "administrator")
STATUSES = ("draft", "submitted", "published", "rejected", "withdrawn")
Rights = str | dict[str, str]
"""The five letters, the same for every state of the row or for each of them."""

ALL, MEMBERS, SIGNED = "YYYYY", "NYYYY", "LYYYY"
CONTRIBUTORS = "LCYYY"
CURATORS, CURATORS_SIGNED = "NNNYY", "LNNYY"
NOBODY = "NNNNN"
OWN = "LXY00"  # whoever is signed in is asked about their own alone
_NONE = "00000"  # what is at hand is its owner's alone


def _by_status(published: str, other: str) -> dict[str, str]:
    return {status: published if status == "published" else other for status in STATUSES}


# --- kinds of rows ------------------------------------------------------------------------------

SPECTRUM = _by_status("YYYYY", "00YYY")
"""Also of whatever hangs on one: its figures, files, fits, matches, calculation."""
SPECTRUM_PAGE = SPECTRUM | {"withdrawn": "GGYYY"}
OWN_SPECTRUM = _by_status("LNYYY", "L0YYY")  # its author and the curators
OWN_SERIES = _by_status("LCYYY", "L0YYY")  # whoever sees it, signed in
ORDERS = {
    "own": "00YYY",  # asked for by the owner; nothing is made of it yet
    "operator": "YYYYY",
    "gone": "000YY",  # whoever asked has left
}
ANALYSIS = {"own": "00YYY", "shared": "YYYYY", "of draft": "00YYY"}
"""Asked for by the owner of a published series for themselves, for everyone; of their draft."""
CHANGED_ANALYSIS = {"own": "L0YYY", "shared": "LNYYY", "of draft": "L0YYY"}
EXPORT = {"own": "00YYY", "visitor": "YYYYY", "gone": "000YY"}
CALCULATION = SPECTRUM | ORDERS
CHANGED_CALCULATION = _by_status("LNYYY", "L0YYY") | {
    "own": "L0YYY",
    "operator": "LNNYY",
    "gone": "L00YY",
}


@dataclass(frozen=True)
class Route:
    """What is expected of a route.

    Attributes
    ----------
    methods
        Rights of each method that it takes; HEAD goes with GET.
    row
        The kind of row of its address, of those of ``world.py``; empty where there is none.
    query
        Of its address; ``{pk}`` is the row.
    sent
        Fields of a POST.
    refused_only
        Whether the answer itself is left out here, since it costs the server work.
    """

    methods: dict[str, Rights] = field(default_factory=dict)
    row: str = ""
    query: str = ""
    sent: dict[str, str] = field(default_factory=dict)
    refused_only: bool = False


def _get(rights: Rights = ALL, row: str = "", query: str = "") -> Route:
    return Route({"GET": rights}, row, query)


def _post(rights: Rights, row: str = "", **sent: str) -> Route:
    return Route({"POST": rights}, row, sent=sent)


def _both(get: Rights, post: Rights, row: str = "") -> Route:
    return Route({"GET": get, "POST": post}, row)


_DRAFT = _by_status("LNNNN", "L0NNN") | {"draft": "L0YNN"}
_SUBMITS = _by_status("LNYNN", "L0YNN")  # what cannot be sent any more is told so
_SHARED_LIST = _by_status("LNYNN", "L0YNN") | {"rejected": "L0NNN", "withdrawn": "L0NNN"}
_DECIDES = _by_status("LNNYY", "L0NYY")  # over the API

_SERIES_STEP = _by_status("LNNYY", "L0NYY")  # on the page

SERIES_PAGES: dict[str, Route | list[Route]] = {
    "series-browse": _get(),
    "series-combine": _both(CONTRIBUTORS, CONTRIBUTORS),
    "series": _get(SPECTRUM, "series"),
    "series-download": _get(SPECTRUM, "series"),
    "series-values": _get(SPECTRUM, "series bin"),
    "series-picture": _get(SPECTRUM, "series bin"),
    "series-spectrum-drawing": _get(SPECTRUM, "series"),
    "series-spectrum": _post(OWN_SERIES, "series", at="0,0"),
    "series-draft": _both(_DRAFT, _DRAFT, "series"),
    "series-delete": _post(_DRAFT, "series"),
    "series-step": _post(_SERIES_STEP, "series", do="publish"),
    "series-analyse": _post(OWN_SERIES, "series", method="nothing"),
    "series-analysis-act": _post(CHANGED_ANALYSIS, "analysis", do="nothing"),
    "series-map": _get(ANALYSIS, "analysis bin"),
    "series-fit": _get(ANALYSIS, "analysis"),
    "series-maps": _get(ANALYSIS, "analysis h5"),
    "series-along": _get("00000", "analysis along"),  # it has two axes
    "series-report": _get(ANALYSIS, "analysis"),
}

PAGES: dict[str, Route | list[Route]] = {
    **SERIES_PAGES,
    "home": _get(),
    "results": _get(),
    "spectrum": [_get(SPECTRUM_PAGE, "measured"), _get(SPECTRUM_PAGE, "computed")],
    "spectrum-table": _get(SPECTRUM_PAGE, "measured"),
    "spectrum-drawing": _get(SPECTRUM_PAGE, "measured"),
    "spectrum-nearest": _get(SPECTRUM_PAGE, "measured"),
    "spectrum-normalisation": _both(OWN_SPECTRUM, OWN_SPECTRUM, "measured"),
    "spectrum-fit": _get(SPECTRUM, "measured"),
    "spectrum-fit-accept": _post(_by_status("NCYYY", "NXYYY"), "measured", lo="wrong"),
    "fit-accept": _post(_by_status("NNYYY", "00YYY"), "fit of spectrum"),
    "spectrum-draft": _both(_DRAFT, _DRAFT, "measured"),
    "spectrum-delete": _post(_DRAFT, "measured"),
    "spectrum-submit": _post(_SUBMITS, "measured"),
    "spectrum-revise": _both(OWN_SPECTRUM, OWN_SPECTRUM, "measured"),
    "source-file": _get(SPECTRUM, "measured"),
    "spectrum-download": [_get(SPECTRUM, "measured csv"), _get(SPECTRUM, "measured xdi")],
    "structure": _get(ALL, "structure"),
    "structure-cif": _get(ALL, "structure"),
    "structure-compute": Route({"POST": MEMBERS}, "structure", refused_only=True),
    "structure-site": _get(ALL, "site of structure"),
    "structure-judge": _post(CURATORS, "structure"),
    "export": _get(),
    "export-file": _get(EXPORT, "export"),
    "upload": _both(CONTRIBUTORS, CONTRIBUTORS),
    "upload-answer": _post(CONTRIBUTORS),
    "series-upload": _both(CONTRIBUTORS, CONTRIBUTORS),
    "series-sent": _get(OWN, "series upload"),
    "series-again": _post(OWN, "series upload"),
    "series-forget": _post(OWN, "series upload"),
    "series-files": _post(OWN, "series upload"),
    "series-file": Route(dict.fromkeys(("HEAD", "PATCH", "DELETE"), OWN), "file of series"),
    "multiplet": [
        Route({"GET": ALL}, refused_only=True),
        Route({"GET": CALCULATION}, "calculation query", "calculation={pk}"),
    ],
    "multiplet-load": _post(ALL),
    "multiplet-case": [
        _get(),
        Route({"GET": CALCULATION}, "calculation query", "calculation={pk}"),
    ],
    "multiplet-save": _post("NCYYY", ion="Zz9"),
    "multiplet-answer": [
        Route({"GET": ALL}, refused_only=True),
        Route({"GET": CALCULATION}, "calculation query", "calculation={pk}"),
    ],
    "compare": _get(),
    "coverage": _get(),
    "match": _both(ALL, ALL),
    "match-how": _get(),
    "match-measure": Route({"POST": CURATORS}, refused_only=True),
    "match-run": [_both(SPECTRUM, SPECTRUM, "match"), _both(ALL, ALL, "match of upload")],
    "match-report": [_get(SPECTRUM, "match"), _get(ALL, "match of upload")],
    "match-submit": _post("NCYYY", "match of upload"),
    "predict": _both(ALL, ALL),
    "predict-table": Route({"GET": ALL}, refused_only=True),
    "predict-structure": _both(ALL, ALL, "structure"),
    "predict-upload": Route({"GET": ALL, "POST": ALL}, "upload", refused_only=True),
    "predict-save": Route({"POST": CURATORS}, "upload", refused_only=True),
    "models": _get(),
    "model-train": _post(CURATORS),
    "model": _get(ALL, "model"),
    "model-residuals": _get(ALL, "model"),
    "jobs": _get(),
    "jobs-act": _post(CURATORS),
    "job": _get(CALCULATION, "calculation"),
    "calculation-case": _get(CALCULATION, "calculation"),
    "bring": _both(ALL, ALL),
    "brought-file": _get(_NONE, "token of nothing"),
    "crystal": _get(_NONE, "token of nothing"),
    "shared": _get(_NONE, "token of nothing"),
    **{
        name: _post(_NONE, "token of nothing")
        for name in ("file-say", "file-forget", "crystal-compute", "share", "share-revoke")
    },
    "file-fit": _get(),
    "file-normalisation": _both(ALL, ALL),
    "shared-download": _get(_NONE, "link of a collection"),
    "collections": _get(),
    "collection-add": _both(SIGNED, SIGNED),
    "collection": _get(SPECTRUM_PAGE, "collection"),
    "collection-download": _get(SPECTRUM, "collection csv"),
    "collection-feed": _get(_by_status("YYYYY", _NONE), "collection"),
    "collection-edit": _post(_DRAFT, "collection", title="T"),
    "collection-entry": _post(_DRAFT, "collection"),
    "collection-share": _post(_SHARED_LIST, "collection"),
    "collection-delete": _post(_by_status("LNYNN", "L0YNN"), "collection"),
    "collection-revise": _post(_by_status("LNYNN", "L0YNN"), "collection"),
    "collection-step": _post(_by_status("LNYYY", "L0YYY"), "collection", step="submit"),
    "notices": _both(SIGNED, SIGNED),
    "spectrum-comment": _post(_by_status("LYYYY", "L0YYY"), "measured", text="why"),
    "spectrum-embed": _get(_by_status("YYYYY", _NONE), "measured"),
    "atom": _get(),
    "sitemap": _get(),
    "django.contrib.sitemaps.views.sitemap": _get(_NONE, "section of nothing"),
    "password_reset_confirm": _both(_NONE, _NONE, "link of nothing"),
    "privacy": _get(),
    "password_change": _both(SIGNED, SIGNED),
    "password_reset": _both(_NONE, _NONE),
    "account-archive": _get(SIGNED),
    "account-delete": _both(SIGNED, SIGNED),
    "cite": _get(),
    "methods": _get(),
    "accessibility": _get(),
    "api-help": _get(),
    "login": Route({"GET": ALL, "POST": ALL, "PUT": ALL}),  # Django takes a PUT as a POST
    "openid_connect_login": _post(_NONE, "provider of nothing"),
    "openid_connect_callback": _get(_NONE, "provider of nothing"),
    "identity-disconnect": _post("L0000", "identity of nobody"),
    "logout": _post(ALL),
    "register": _both(ALL, ALL),
    "register-confirm": _get("NNNNN", "token of nothing"),
    "account": _both(SIGNED, SIGNED),
    "revoke-key": _post("L0Y00", "key"),
    "theme": _post(ALL),
    **{name: _get() for name in ("alive", "ready", "robots", "favicon")},
    "metrics": _get(_NONE),  # without a token there are none
    "set_language": Route(dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), ALL)),
}

API: dict[str, Route | list[Route]] = {
    "schema": Route({"GET": ALL}, refused_only=True),
    "api-root": _get(),
    "upload": _post(CONTRIBUTORS),
    "match": _post(ALL),
    "match-run": [_get(SPECTRUM, "match"), _get(ALL, "match of upload")],
    "predict": _post(ALL),
    **{
        f"{name}-{suffix}": _get(ALL, name if suffix == "detail" else "")
        for name in ("structure", "site", "model", "prediction")
        for suffix in ("list", "detail")
    },
    "spectrum-list": _get(),
    "spectrum-counts": _get(),
    "spectrum-detail": [_get(SPECTRUM, "measured"), _get(SPECTRUM, "computed")],
    "spectrum-history": _get(OWN_SPECTRUM, "measured"),
    "spectrum-normalised": Route(
        {"GET": SPECTRUM, "PUT": _by_status("LNYYY", "00YYY")}, "measured"
    ),
    **{
        f"spectrum-{step}": _post(_DECIDES, "measured", note="why")
        for step in ("publish", "reject", "send-back", "withdraw")
    },
    "spectrum-submit": _post(OWN_SPECTRUM, "measured"),
    "spectrum-revise": _post(OWN_SPECTRUM, "measured"),
    "series-list": _get(),
    "series-detail": _get(SPECTRUM, "series"),
    "series-values": _get(SPECTRUM, "series"),
    "series-file": _get(SPECTRUM, "series"),
    "series-spectrum": _post(OWN_SERIES, "series", region="0,0"),
    "series-analyses": _post(OWN_SERIES, "series", method="nothing"),
    **{
        f"series-{step}": _post(_DECIDES, "series", note="why")
        for step in ("publish", "reject", "send-back", "withdraw")
    },
    "series-submit": _post(OWN_SPECTRUM, "series"),
    "series-analysis-list": _get(),
    "series-analysis-detail": _get(ANALYSIS, "api analysis"),
    "series-analysis-map": _get(ANALYSIS, "api analysis"),
    "series-analysis-file": _get(ANALYSIS, "api analysis"),
    "series-analysis-cancel": _post(CHANGED_ANALYSIS, "api analysis"),
    "series-analysis-retry": _post(CHANGED_ANALYSIS, "api analysis"),
    "fit-list": _get(),
    "fit-detail": _get(SPECTRUM, "fit"),
    "calculation-list": _get(),
    "calculation-summary": _get(),
    "calculation-detail": _get(CALCULATION, "calculation"),
    "calculation-cancel": _post(CHANGED_CALCULATION, "calculation"),
    "calculation-retry": _post(CHANGED_CALCULATION, "calculation"),
    "export-list": _post(ALL),
    "export-detail": _get(EXPORT, "export"),
    "export-file": _get(EXPORT, "export"),
    "collection-list": _both(ALL, "LYYYY"),
    "collection-detail": Route(
        {
            "GET": SPECTRUM,
            "PATCH": _DRAFT,
            "DELETE": _by_status("LNYNN", "L0YNN"),
        },
        "collection",
    ),
    "collection-entries": Route({"POST": _DRAFT, "PUT": _DRAFT}, "collection"),
    "key-list": _both(SIGNED, SIGNED),
    "key-detail": Route({"DELETE": "L0Y00"}, "key"),
}

OPTIMADE: dict[str, Route | list[Route]] = {
    "versions": _get(),
    "info": _get(),
    "info-structures": _get(),
    "links": _get(),
    "structures": _get(),
    "structure": _get(ALL, "structure"),
    "unknown": _get("00000", "path"),
}

# --- the admin: which of its pages a curator has; administrators have all that there are --------

SEEN, CHANGED, NEITHER = "seen", "changed", "neither"
ADMIN: dict[str, str] = {
    "spectradb_spectrum": CHANGED,
    "spectradb_structure": CHANGED,
    "spectradb_site": CHANGED,
    "spectradb_calculation": CHANGED,
    "spectradb_peakfit": CHANGED,
    "spectradb_series": CHANGED,
    "spectradb_seriesanalysis": CHANGED,
    "spectradb_comment": CHANGED,
    "spectradb_collection": CHANGED,
    "spectradb_trainedmodel": NEITHER,
    "spectradb_sourcefile": NEITHER,
    "spectradb_apikey": NEITHER,
    "auth_user": NEITHER,
    "auth_group": NEITHER,
    "django_q_schedule": NEITHER,
    "django_q_success": NEITHER,
    "django_q_failure": NEITHER,
    "django_q_ormq": NEITHER,
}
ADMIN_PAGES = {
    "index", "login", "logout", "password_change", "password_change_done", "autocomplete",
    "jsi18n", "view_on_site", "app_list",
}  # fmt: skip

# --- models: what is whose, and what follows when the owner's account is deleted -----------------

OWNERS: dict[str, str] = {
    "Spectrum.contributor": "stays; what is not published is the curators' alone",
    "Collection.contributor": "stays if it was published, with its author's name; else goes",
    "Comment.author": "goes",
    "Comment.answered_by": "stays; seen by the author of the comment",
    "Notice.user": "goes",
    "Preferences.user": "goes",
    "Series.contributor": "stays; what is not published is the curators' alone",
    "SeriesAnalysis.requested_by": "stays; seen as its series is where it is public, else the "
    "curators' alone",
    "Calculation.requesters": "stays; without a record it is the curators' alone",
    "Export.requested_by": "stays; the curators' alone",
    "PeakFit.requested_by": "stays; seen as its spectrum is",
    "MatchRun.requested_by": "stays; seen as its query is",
    "TrainedModel.requested_by": "stays; models are public",
    "ImportRun.requested_by": "stays; imports are public",
    "Upload.requested_by": "goes",
    "SeriesUpload.requested_by": "goes; a series that was made of it is a Series",
    "ApiKey.user": "goes",
    "BroughtSpectrum.requested_by": "goes with the file that it is of",
    "Structure.overruled_by": "stays; structures are public",
}
