"""Sentences of the numerical packages in the reader's language.

Readers, engines and fits tell findings and warnings in English, with values in them, and rows keep
them so. Here each kind of sentence is written once, its values as ``{0}``, ``{1}`` …, which is
also its entry in the translations; what is none of these stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from django.utils.translation import get_language, gettext

SENTENCES = (
    "The database could not be reached while this ran.",
    "The worker died {0} times while it ran this.",
    "The machine has not enough memory for this.",
    "Computed again as {0}.",
    "This calculation is published as {0}.",
    "Of {0} {1} the library holds no compound: that it was measured is not excluded.",
    "Of {0} {1} the library holds only 1 compound: that it was measured is not excluded.",
    "Of {0} {1} the library holds only {2} compounds: that it was measured is not excluded.",
    "The {0} edge of {1} near {2} eV lies among these edges: if the sample holds {3}, what is told "
    "may be wrong.",
    "Single points that no spectrum has were left out, at {0} eV.",
    "An edge of {0} is in the scan, too: match it with {1} named.",
    "What would be L2 is {0} of what L3 asks for: perhaps the line of another element, or L2 taken "
    "for L3.",
    "Replaced by {0}, version {1}.",
    "Its contributor has deleted their account.",
    "Edited nothing.",
    "Submitted.",
    "Published.",
    "Withdrawn.",
    "Submitted. {0}",
    "Published. {0}",
    "Sent back. {0}",
    "Rejected. {0}",
    "Withdrawn. {0}",
    "Loaded from {0}.",
    "Version {0} of {1}. {2}",
    "Doubts overruled. {0}",
    "Doubts restored. {0}",
    "The measured crystal is stored now.",
    "The valences of its structure are again what they were.",
    "The file does not give the element. Fill it in.",
    "The file does not give the edge. Fill it in.",
    "The file does not give the element and edge. Fill it in.",
    "Structure known.",
    "{0}, structure not linked.",
    "No formula and no structure: say what was measured.",
    "Not given: {0}.",
    "Facility, beamline, mode, sample and date are given.",
    "Read without a warning.",
    "Those that its structure has now.",
    "No licence: nobody could use the data. Choose one.",
    "This calculation is published as {0}; everyone sees it there.",
    "A calculation of its own input.",
    "No published spectrum is the same curve.",
    "{0} % from {1}. The same data.",
    "{0} % from {1}. Perhaps another scan of the same sample.",
    "{0} points; at least {1} are needed",
    "the abscissa is in {0}, not an energy",
    "only {0} points",
    "no points around the edge at {0} eV",
    "step of {0} eV near {1} eV: too coarse around the edge",
    "step of {0} eV near {1} eV: coarse around the edge",
    "{0} points, {1} to {2} eV, largest step {3} eV near {4} eV",
    "the intensity is {0} everywhere: no spectrum",
    "noise of {0} % of the signal's range: no spectrum stands out",
    "noise of {0} % of the signal's range",
    "{0} points share the maximum {1}: saturated?",
    "{0} % of the values are negative",
    "{0} is tabulated at {1} eV, the data run from {2} to {3} eV: wrong element, edge or energy "
    "scale?",
    "{0} at {1} eV, {2} tabulated at {3} eV ({4} eV)",
    "{0} at {1} eV, {2} tabulated at {3} eV ({4} eV), pre-edge peak at {5} eV",
    "occupancy unknown for {0} atoms, taken as 1",
    "left out, as the file gives no place: {0}",
    "{0}: {1} is read as H",
    "{0} is a vacancy and left out",
    "{0} has occupancy {1} and is left out",
    "{0} is read as {1} with one hydrogen that is not in the list",
    "{0} is read as {1} with {2} hydrogens that are not in the list",
    "{0} is read as {1}: {2} would give {3}",
    "{0} is read as {1}",
    "no symmetry is named; the atoms as listed fit Z or density",
    "no symmetry is named; of all groups of such a cell only {0} fits formula, Z and density",
    "named more than once, counted once: {0}",
    "occupancy within 0.02 of one, read as fully occupied: {0}",
    "partly occupied: {0}",
    "{0} is not given and taken as 90°",
    "the formula sum is {0}, the cell holds {1} ({2} a cell)",
    "the file says {0} g/cm³, its cell gives {1}",
    "the file says a cell of {0} Å³, its lengths and angles give {1}",
    "the formula sum {0} holds hydrogen that the atom list lacks: {1} of {2} H atoms a cell "
    "are missing",
    "{0} of {1} characters is not used",
    "{0} {1} is not understood and not used",
    "{0} hydrogens a cell are named but have no place",
    "the file says Z = {0} units of {1} a cell, its atoms and symmetry make {2}",
    "disordered: places are filled at random, far atoms are their mean charge ({0}); bond "
    "lengths are those of the mean structure",
    "{0}: {1} arrangements of its ligands, weighted; others, {2} % of the weight, are left out",
    "{0}: {1} arrangements of its ligands, weighted",
    "{0} {1} Å, {2} of the sum of the covalent radii; {3} contact a cell shorter than atoms allow",
    "{0} {1} Å, {2} of the sum of the covalent radii; {3} contacts a cell shorter than atoms allow",
    "{0} has no neighbour within {1} Å, farther than any bond of it; {2} such atom a cell",
    "{0} has no neighbour within {1} Å, farther than any bond of it; {2} such atoms a cell",
    "no two of the {0} atoms are within {1} Å of each other; is the cell ({2}) in Å?",
    "{0} g/cm³: atoms of covalent radius would fill {1} of the cell",
    "the bonds of {0} add up to a valence of {1}; it has at most {2}",
    "space group {0} is not known",
    "space group {0} is not number {1}",
    "Hall symbol {0} and space group {1} contradict each other",
    "line {0}: {1} was already given in line {2}; the last one counts",
    "the symbols stand beside the atoms, not in line 6",
    "no line of symbols; {0} by the title",
    "the title names {0}, the line of symbols {1}",
    "{0}; the space group's name is used",
    "the listed atoms are charged {0} a cell ({1}), as stated",
    "the {0} hydrogens that are missing make up for the charge {1} of the listed atoms ({2})",
    "the oxidation states add up to {0} a cell, not to 0 ({1}); hydrogen may be missing from "
    "the list",
    "the oxidation states add up to {0} a cell, not to 0 ({1})",
    "{0} is stated as {1}, its bonds add up to {2}, a state that the element does not have; "
    "all states add up to {3} a cell; state it if it is meant",
    "{0} is stated as {1}, its bonds add up to {2}, a state that the element does not have; "
    "state it if it is meant",
    "{0} is stated as {1}, its bonds add up to {2}; all states add up to {3} a cell; state "
    "it if it is meant",
    "{0} is stated as {1}, its bonds add up to {2}; state it if it is meant",
    "{0} is stated as {1}, a state that the element does not have; all states add up to {2} "
    "a cell; state it if it is meant",
    "{0} is stated as {1}, a state that the element does not have; state it if it is meant",
    "{0} is stated as {1}, its bonds add up to {2}, a state that the element does not have",
    "{0} is stated as {1}, its bonds add up to {2}",
    "{0} is stated as {1}, a state that the element does not have",
    "{0}: neither its bonds (sum {1}) nor the composition support an oxidation state; state it",
    "{0}: the composition gives {1}, its bonds add up to {2}, and hydrogen may be missing from "
    "the list; complete the list or state the valence",
    "{0}: the composition gives {1}, its bonds add up to {2}: a rare state, a group of unusual "
    "charge or an incomplete list; state the valence",
    "no counter-ion is listed, and the complex may be an ion; state the valence of {0}",
    "{0} is a mean: {1} {2} and {3} {4}",
    "{0}: the {1} ligands carry {2} of the {3} of all its bonds; longer bonds are left out of its "
    "ligand field",
    "atom {0} ({1}): outside the range in which the splittings of route cheap were checked: {2}",
    "valence {0} (2+ to 4+ were)",
    "{0} ligands (four to six were)",
    "{0} as ligand",
    "sulphides: one family of 2+ and one of 3+",
    "nitrogen donors: ammines alone, 10Dq within 0.3 eV",
    "carbon donors: hexacyanides alone, 10Dq within 1 eV",
    "hydrides: no measured splitting",
    "a tetrahedron of {0} (2+ were)",
    "a tetrahedron of {0}: 10Dq comes out too small, by up to 2 eV",
    "a charge-transfer energy of {0} eV (-0.1 eV and above were)",
    "nitrogen that is no ammine's: no measured splitting",
    "cyanides and carbonyls of other shapes than six carbons: no measured splitting",
    "nitrogen that ends a triple bond ({0}): its field is too strong",
    "a square of nitrogen: S = 0 and S = 1 of d8 come out within a few tenths of an eV of each "
    "other, where porphyrins have S = 0",
    "atom {0} ({1}): 10Dq comes out as {2} eV, within the error of route cheap (0.2 eV) of "
    "nothing: the order of the d levels, and with it the ground state, is not sure",
    "atom {0} ({1}): 10Dq comes out as {2} eV, where this {3} has it of the other sign or larger: "
    "the ground state is not that of the ion, and route cheap refuses this kind by now",
    "broadened data: {0} peaks with an instrument Gaussian (σ about {1} eV) describe the "
    "spectrum better than {2} pure Lorentzians; their number means nothing. Give Gaussian σ, "
    'or fit it with "fit".',
    "pure line shapes cannot be right: {0} peaks would reach the noise, but the data do not "
    "determine them; the {1} given describe the spectrum to {2} of its highest point. The "
    "lines may be asymmetric or broadened, or the noise correlated.",
    "the search was stopped, since it took too long: there are more lines than can be "
    "separated, or more points than needed; choose a range or a noise floor",
    "as many peaks as allowed ({0}): more may be needed",
    "energies are not evenly spaced: first guesses come from a uniform grid (resampling "
    "error {0} of the highest point), the fit from the original points",
    "the edge may as well stand at {0} eV, with other areas of the peaks near it: the "
    "standard errors allow for it",
    "no peak stands above the noise",
    "no step up was found: the edge has no height",
    "neighbouring points have noise in common (correlation {0}): they count as {1} "
    "independent points of {2}, in the number of peaks and in the standard errors",
    "the residual is no white noise (correlation of neighbours {0}): the standard errors are "
    "too small, and the model may be incomplete",
    "the residual is {0} times the noise",
    "peak at {0} eV uncertain: the area is less than 4 standard errors",
    "peaks at {0} eV uncertain: the area is less than 4 standard errors",
    "peak at {0} eV at the end of the range: only a flank is seen",
    "peaks at {0} eV at the end of the range: only a flank is seen",
    "the post-edge range ends before {0}",
    "the pre-edge range begins behind {0}",
    "{0} of {1} points before the edge are left out: far off the rest",
    "the stated {0} range runs across {1}",
    "steepest rise of a lasting step near {0}",
    "steepest rise of a lasting step {0}",
    "{0} is missing; it is recommended in every file",
    "line {0}: {1} is no ISO 8601 date and time such as 2001-06-26T22:27:31; read as {2}",
    "line {0}: {1} is no ISO 8601 date and time such as 2001-06-26T22:27:31; {2}",
    "{0}: {1} should be a number and a unit ({2})",
    "{0}: {1} should be a number and a unit (K or C); the temperature is left open",
    "{0}: {1} should be a number, in eV",
    "{0}: {1} should be a positive number, in Å",
    "{0}: {1} is not known; it is left open",
    "fields of other programs ({0}) are present, but line 1 names no program beside XDI",
    "the mode is missing: taken as transmission",
    "the energy column is in keV: converted to eV",
    "the energy column is in meV: converted to eV",
    "the energy column is in {0}: converted to eV",
    "every intensity is {0}: there is no signal in this column",
    "the energy starts at {0} eV: probably relative to an edge",
    "{0} of {1} counts are negative (first at {2}): kept as they are; a background has "
    "probably been subtracted",
    "{0} at an energy of 0 or below: left out",
    "{0} of {1} without a finite number (first: point {2}): left out",
    "the scan runs downwards: put into ascending order",
    "the energies are not in order (first at point {0}: {1} is followed by {2}): sorted",
    "{0} at the energy of the point before (first at {1}): each such group is replaced by its mean",
    "the header announces {0} points, the file holds {1}",
    "{0} of {1} fluorescence channels count nothing: left out",
    "{0} fluorescence channels are summed, without dead-time correction",
    "{0} elements of a fluorescence detector are summed: {1}",
    "elements that count nothing are left out: {0}",
    "{0}: a constant, no signal; left out",
    "another form of the same signal is not used: {0}",
    "line {0}: not UTF-8 text; read as {1}, check names and units",
    "{0} cannot be formed at {1} of {2} points (zero or negative counts, first at {3}): "
    "these points are left out",
    "{0} {1} was given, but the file says {2}: {2} is kept",
    "energy: {0}",
    "intensity: {0}",
    "{0} not used: {1} ({2})",
    "columns not used: {0} and {1} more",
    "columns not used: {0}",
    "{0} is no spectrum ({1})",
    "no transition has any strength: the spectrum is zero",
    "the grid ({0} to {1} eV) holds {2} % of the spectrum; 90 % of the strength lies between "
    "{3} and {4} eV",
    "the grid ({0} to {1} eV) misses the spectrum; 90 % of the strength lies between {2} and "
    "{3} eV (energies are relative to the configurations' averages: they are no photon "
    "energies)",
    "the grid's step of {0} eV is coarser than the narrowest lines (half width {1} eV): "
    "heights between its points are lost; take {2} eV or less",
)
_VALUE = re.compile(r"\\\{(\d)\\\}")


def said(text: str) -> str:
    """A sentence in the language of the reader; the values in it are translated likewise."""
    if (get_language() or "en").startswith("en"):
        return text
    parts = text.split("; ")
    if len(parts) > 1 and all(_known(part) for part in parts):  # several told in one
        return "; ".join(said(part) for part in parts)
    for pattern, sentence in _patterns():
        if found := pattern.fullmatch(text):
            values = {name[1:]: said(value) for name, value in found.groupdict().items()}
            parts = re.split(r"\{(\d)\}", gettext(sentence))
            return "".join(values[one] if k % 2 else one for k, one in enumerate(parts))
    return text


def _known(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern, _ in _patterns())


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The longer sentences first: a short one may be their beginning."""
    ranked = sorted(SENTENCES, key=lambda one: -len(re.sub(r"\{\d\}", "", one)))
    return [(re.compile(_pattern(one), re.DOTALL), one) for one in ranked]


def _pattern(sentence: str) -> str:
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = f"v{match[1]}"
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>.+?)"

    return _VALUE.sub(group, re.escape(sentence))
