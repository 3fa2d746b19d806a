"""Keys that select spectra."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from spectradb.filters.chemistry import (
    elements_of,
    formulae_in_small_letters,
    reduced_formula,
    symbol,
)
from spectradb.filters.fields import (
    BoundKey,
    FlagKey,
    IntegerKey,
    Key,
    OrderingKey,
    SingleKey,
    TextKey,
    of_valence,
)
from spectradb.filters.prototypes import of_type
from spectradb.filters.structures import (
    STRUCTURE_KEYS,
    SiteKeys,
    StructureKeys,
    as_measured,
    asks,
    bare,
    structures_meant,
    structures_where,
    with_bare_group,
)
from spectradb.filters.text import covering_edges, edge_name, parse_text
from spectradb.models import (
    JobStatus,
    Kind,
    Measurement,
    Peak,
    Quantity,
    Spectrum,
    SpectrumEdge,
    Status,
    Structure,
)
from spectradb.models.visibility import Alternatives, as_condition

PEAK_KEYS = ("peak_position_min", "peak_position_max", "peak_hwhm_max", "peak_main")


def _formula(text: str) -> str:
    """Reduced where it is a formula; a sample name such as ``YBCO`` stays what it is."""
    try:
        return reduced_formula(text)
    except ValueError:
        return text


class SpectrumFilterSet(StructureKeys, SiteKeys):
    """The search of spectra: API query string, pages and ``--where`` alike."""

    id = IntegerKey("pk", help_text="Our own numbers (SDB-…).")
    q = TextKey(
        method="in_text", help_text="Formula, Ni L3, mp-1234, SDB-42, Li-Co-O, name of a sample."
    )
    kind = Key(choices=Kind.values, help_text="theory or experiment.")
    status = Key(choices=Status.values, help_text="Curation status; visitors see published only.")
    absorber = Key(coerce=symbol, help_text="Element that absorbs.")
    edge = Key(coerce=edge_name, help_text="K, L3, L23 …; L3 finds L23 spectra, which hold it.")
    technique = Key(help_text="XANES, EXAFS, XAFS, EELS …")
    quantity = Key(choices=Quantity.values, help_text="What the intensity is.")
    formula = Key(coerce=_formula, help_text="E.g. TiO2; O2Ti is the same.")
    structure = IntegerKey("structure_id", help_text="Number of the structure.")
    has_structure = FlagKey(method="with_structure", help_text="Whether its structure is known.")
    site = IntegerKey("site_id", help_text="Number of the site.")
    engine = Key("calculation__engine", help_text="Program that computed it.")
    route = Key("calculation__route", help_text="explicit, cheap, cluster …")
    facility = Key("measurement__facility", help_text="Where it was measured.")
    beamline = Key("measurement__beamline", help_text="Beamline or instrument.")
    mode = Key(
        "measurement__mode", choices=Measurement.Mode.values, help_text="How it was detected."
    )
    temperature_min = BoundKey("measurement__temperature_k", lookup="gte", help_text="K.")
    temperature_max = BoundKey("measurement__temperature_k", lookup="lte", help_text="K.")
    energy = BoundKey(method="at_energy", help_text="The range holds this energy, eV.")
    licence = Key(help_text="E.g. CC BY 4.0.")
    doi = Key(help_text="DOI of the citation.")
    peak_position_min = BoundKey(help_text="A fitted peak lies above, eV.")
    peak_position_max = BoundKey(help_text="The same peak lies below, eV.")
    peak_hwhm_max = BoundKey(help_text="The same peak is at most so wide (HWHM), eV.")
    peak_main = FlagKey(help_text="The peak meant is the largest of its fit.")
    peak_fit = SingleKey(
        choices=["accepted", "any"], help_text="Which fits count; any unless said."
    )
    ordering = OrderingKey(
        {
            "id": "pk",
            "formula": "formula",
            "absorber": "absorber",
            "edge": "edge",
            "kind": "kind",
            "n_points": "n_points",
            "energy_min": "energy_min",
            "published_at": "published_at",
            "created": "created",
            "updated": "updated",
            "submitted_at": "submitted_at",
            "energy_above_hull": "structure__energy_above_hull",
        },
        help_text="Order of the answer; -name is descending.",
    )

    class Meta:
        model = Spectrum
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Spectrum]) -> QuerySet[Spectrum]:
        given = self.form.cleaned_data
        special = {*STRUCTURE_KEYS, *PEAK_KEYS, *_SITE_PATHS, "absorber", "edge", "peak_fit"}
        for name, key in self.filters.items():
            if name not in special:
                queryset = key.filter(queryset, given.get(name))
        for name, path in _SITE_PATHS.items():
            if given.get(name):
                key = SiteKeys.base_filters[name]
                assert isinstance(key, Key)
                queryset = queryset.filter(key.condition(path, given[name]))
        if given.get("absorber") or given.get("edge"):
            queryset = queryset.filter(with_edge(given["absorber"], given["edge"]))
        if asks(given, STRUCTURE_KEYS):
            queryset = queryset.filter(self._of_structures(queryset))
        if asks(given, PEAK_KEYS):
            queryset = queryset.filter(pk__in=self._peaks().values("fit__spectrum"))
        return queryset

    def _of_structures(self, queryset: QuerySet[Spectrum]) -> Q:
        """By the structure; what elements a record without one holds its formula tells."""
        given = self.form.cleaned_data
        condition = Q(structure__in=structures_where(self.filters, given))
        only = set(given["only_elements"])
        others = tuple(name for name in STRUCTURE_KEYS if name != "only_elements")
        if only and not asks(given, others):
            bare = queryset.order_by().filter(structure=None).exclude(formula="")
            formulae = bare.values_list("formula", flat=True).distinct()
            meant = [one for one in formulae if elements_of(one) <= only]
            condition |= Q(structure=None, formula__in=meant)
        return condition

    def _peaks(self) -> QuerySet[Peak]:
        """Peaks that meet all the peak keys."""
        given = self.form.cleaned_data
        peaks = Peak.objects.order_by().filter(fit__job_status=JobStatus.DONE)
        if given["peak_fit"] == "accepted":
            peaks = peaks.filter(fit__accepted=True)
        if given["peak_position_min"] is not None:
            peaks = peaks.filter(position_ev__gte=given["peak_position_min"])
        if given["peak_position_max"] is not None:
            peaks = peaks.filter(position_ev__lte=given["peak_position_max"])
        if given["peak_hwhm_max"] is not None:
            peaks = peaks.filter(hwhm_ev__lte=given["peak_hwhm_max"])
        if given["peak_main"] is not None:
            larger = Peak.objects.filter(fit=OuterRef("fit"), area__gt=OuterRef("area"))
            is_main = ~Exists(larger)
            peaks = peaks.filter(is_main if given["peak_main"] else ~is_main)
        return peaks

    def with_structure(
        self, queryset: QuerySet[Spectrum], name: str, value: bool
    ) -> QuerySet[Spectrum]:
        return queryset.filter(structure__isnull=not value)

    def at_energy(
        self, queryset: QuerySet[Spectrum], name: str, value: float
    ) -> QuerySet[Spectrum]:
        return queryset.filter(energy_min__lte=value, energy_max__gte=value)

    def in_text(self, queryset: QuerySet[Spectrum], name: str, value: str) -> QuerySet[Spectrum]:
        return queryset.filter(matching_text(value))


_SITE_PATHS = {
    name: f"site__{key.field_name or name}"
    for name, key in SiteKeys.base_filters.items()
    if isinstance(key, Key)
}


def edge_names(edges: list[str]) -> list[str]:
    """The edges asked for and those that cover one of them, as L23 covers L3."""
    return sorted({name for edge in edges for name in covering_edges(edge)})


def further_edges(absorbers: list[str], edges: list[str]) -> QuerySet[SpectrumEdge]:
    """Edges of survey spectra, beyond their main one, that meet both keys."""
    further = SpectrumEdge.objects.order_by()
    if absorbers:
        further = further.filter(absorber__in=absorbers)
    if edges:
        further = further.filter(edge__in=edge_names(edges))
    return further


def main_edge(absorbers: list[str], edges: list[str]) -> Alternatives:
    """What the main edge of a spectrum must be for both keys; none asks nothing."""
    wanted = {"absorber": absorbers, "edge": edge_names(edges)}
    return [{name: values for name, values in wanted.items() if values}]


def with_edge(absorbers: list[str], edges: list[str]) -> Q:
    """Spectra of these absorbers at these edges; further edges of a survey count too."""
    further = further_edges(absorbers, edges).values("spectrum")
    return as_condition(main_edge(absorbers, edges)) | Q(pk__in=further)


def matching_text(text: str) -> Q:
    """What a line of free text asks of a spectrum."""
    asked = parse_text(text)
    condition = Q()
    if asked.spectrum_id is not None:
        condition &= Q(pk=asked.spectrum_id)
    if asked.source_id:
        # Fm-3m has the form of an id as well.
        ids = Structure.objects.filter(
            Q(source_id__iexact=asked.source_id) | Q(space_group_symbol__iexact=asked.source_id)
        )
        lines = Measurement.objects.filter(beamline__iexact=asked.source_id)  # BL-12C too
        condition &= Q(structure__in=ids.values("pk")) | Q(measurement__in=lines.values("pk"))
    if asked.absorber or asked.edge:
        condition &= with_edge(
            [asked.absorber] if asked.absorber else [], [asked.edge] if asked.edge else []
        )
    if asked.valence is not None:
        condition &= Q(site__element=asked.absorber)
        condition &= of_valence("site__oxidation_state", asked.valence)
    if asked.doi:
        cited = Structure.objects.filter(doi__iexact=asked.doi)
        condition &= Q(doi__iexact=asked.doi) | Q(structure__in=cited.values("pk"))
    about = asked.about
    if about.site:
        condition &= Q(**{f"site__{name}": value for name, value in about.site.items()})
    condition &= as_measured(asked)
    if (crystals := structures_meant(asked)) is not None:
        meant = Q(structure__in=crystals.values("pk"))
        if about.crystal_system and about.space_group is None:  # "cubic ZrO2", of a sample's name
            meant |= Q(structure=None) & _with_word(about.crystal_system)
        condition &= meant
    if asked.prototype:
        built = Structure.objects.filter(of_type(asked.prototype))
        condition &= Q(structure__in=built.values("pk"))
    if asked.chemsys:
        systems = Structure.objects.filter(chemical_system=asked.chemsys)
        condition &= Q(structure__in=systems.values("pk"))
    if asked.formulae:
        condition &= Q(formula__in=asked.formulae)
    if len(asked.elements) == 1 and not asked.absorber:
        condition &= Q(absorber=asked.elements[0]) | Q(formula=asked.elements[0])
    elif asked.elements:
        holding = Structure.objects.containing(asked.elements)
        condition &= Q(structure__in=holding.values("pk"))
    for word in asked.words:
        small = formulae_in_small_letters(word)
        condition &= _with_word(word) | Q(formula__in=small) if small else _with_word(word)
    return condition


def _with_word(word: str) -> Q:
    """A word found in a name. Only measured spectra have titles of their own worth reading."""
    structures = with_bare_group(Structure.objects.all()).filter(
        Q(name__icontains=word) | Q(source_id__iexact=word) | Q(bare_group__iexact=bare(word))
    )
    measurements = Measurement.objects.filter(
        Q(sample_name__icontains=word)
        | Q(sample_formula__icontains=word)
        | Q(facility__icontains=word)
        | Q(beamline__icontains=word)
        # From here and not from the spectrum: few are measured, and two look-ups by number add up.
        | Q(spectrum__title__icontains=word)
    )
    return Q(structure__in=structures.values("pk")) | Q(measurement__in=measurements.values("pk"))
