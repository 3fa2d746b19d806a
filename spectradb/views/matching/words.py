"""How sure a match is, in words that claim no more than the numbers do."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from spectradb.models import Match, MatchRun, Spectrum
from spectradb.templatetags.science import valence

_POOR_FIT = 0.8  # of the variance; less is hardly the substance measured
_AS_GOOD = 3.0  # in the logarithm of the evidence, before it is tempered
_SURE, _LIKELY = 0.9, 0.5
_WORTH_A_WORD = 0.02


@dataclass(frozen=True)
class Verdict:
    """A headline, what stands behind it, and how it is coloured: ok, warn or bad.

    ``estimated`` shares of the valences rest on what theory is expected to miss by, not on pairs.
    """

    level: str
    head: str
    best: Spectrum | None
    words: list[str]
    valence: str
    estimated: bool


def verdict(run: MatchRun, candidates: list[Match]) -> Verdict | None:
    """What a reader should take from the table."""
    if not candidates:
        return None
    best = candidates[0]
    calibrated = bool(run.details.get("calibrated"))
    words = []
    poor = best.r_squared is not None and best.r_squared < _POOR_FIT
    if poor:
        words.append(
            gettext(
                "The best candidate explains %d %% of the measured variation; noise, background "
                "or a substance that is not here may be the reason."
            )
            % round(100 * max(best.r_squared or 0.0, 0.0))
        )
    as_good = [one for one in candidates[1:] if abs(best.score - one.score) < _AS_GOOD]
    if calibrated:
        level, head = _calibrated(run, best)
        if level != "bad" and (undecided := _undecided(run)):
            words.insert(0, undecided)
    else:
        level, head = (
            ("bad", gettext("Hardly any of these")) if poor else ("warn", gettext("Most alike:"))
        )
        if as_good:
            n = len(as_good)
            words.insert(
                0,
                ngettext(
                    "%(n)d other is as good within the error of theory.",
                    "%(n)d others are as good within the error of theory.",
                    n,
                )
                % {"n": n},
            )
    return Verdict(
        level,
        head,
        None if level == "bad" else best.candidate,
        words,
        _valence(run),
        not calibrated,
    )


def _calibrated(run: MatchRun, best: Match) -> tuple[str, str]:
    probability = best.probability or 0.0
    if (run.none_of_these or 0.0) > max(probability, 0.5):
        return "bad", _none_of_these(run)
    if probability >= _SURE:
        return "ok", gettext("Sure:")
    if probability >= _LIKELY:
        return "ok", gettext("Likely:")
    if any(
        one["level"] == "valence" and one["probability"] >= _SURE
        for one in run.details.get("levels") or []
    ):
        return "ok", gettext("The valence is clear, the compound is not. Most alike:")
    return "warn", gettext("Not sure. Most alike:")


def _none_of_these(run: MatchRun) -> str:
    """What it is instead, if that has a name."""
    named = [one for one in run.details.get("alternatives") or [] if one["probability"] >= _LIKELY]
    if not named:
        return gettext("Probably none of these")
    if named[0]["name"] == "metal":
        return gettext("Probably a metal, which no multiplet describes")
    if named[0]["name"] == "line":
        return gettext("Probably another edge: one line or a step, no L3 and L2")
    return gettext("Probably a full 3d shell (%s), which has no white line") % valence(
        named[0]["oxidation_state"]
    )


def _undecided(run: MatchRun) -> str:
    """The first level that is not decided, and among what."""
    names = {
        "element": gettext("Element undecided among %s."),
        "valence": gettext("Valence undecided among %s."),
        "family": gettext("Coordination undecided among %s."),
        "compound": gettext("Compound undecided among %s."),
    }
    for one in run.details.get("levels") or []:
        if not one["decided"]:
            return names[one["level"]] % ", ".join(one["among"])
    return ""


def _valence(run: MatchRun) -> str:
    """Shares of the valences over all candidates compared: ``2+ 93 %, 3+ 4 %``."""
    return ", ".join(
        f"{valence(one['oxidation_state'])} {round(100 * one['probability'])} %"
        for one in run.details.get("valences") or []
        if one["oxidation_state"] is not None and one["probability"] >= _WORTH_A_WORD
    )
