"""Keys that select structures and their sites; spectra are searched by the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Replace

from spectradb.filters.chemistry import chemical_system, reduced_formula, symbol
from spectradb.filters.fields import (
    BoundKey,
    FlagKey,
    IntegerKey,
    Key,
    OrderingKey,
    StrictFilterSet,
    TextKey,
    ValenceKey,
    of_valence,
)
from spectradb.filters.prototypes import of_type, structure_type
from spectradb.filters.text import SearchText, covering_edges, parse_text
from spectradb.models import Site, Spectrum, Structure, StructureElement


def sorted_ligands(text: str) -> str:
    """``O-Cl`` as ``Cl-O``, which is how sites store it."""
    return "-".join(sorted(part.strip() for part in text.split("-") if part.strip()))


def structures_meant(asked: SearchText) -> QuerySet[Structure] | None:
    """Crystals of the number, system and space group that a line names; None where of none."""
    wanted = {
        "pk": asked.structure_id,
        "crystal_system": asked.about.crystal_system,
        "space_group_number": asked.about.space_group,
    }
    given = {name: value for name, value in wanted.items() if value not in (None, "")}
    return Structure.objects.filter(**given).order_by() if given else None


def as_measured(asked: SearchText) -> Q:
    """What a line asks of a spectrum apart from whose edge it is; nothing where it asks nothing."""
    about, condition = asked.about, Q()
    if asked.kind:
        condition &= Q(kind=asked.kind)
    if about.techniques:
        condition &= Q(technique__in=about.techniques)
    if about.modes:
        condition &= Q(measurement__mode__in=about.modes)
    if about.licence:
        condition &= Q(licence=about.licence)
    for energy in about.energies_ev:
        condition &= Q(energy_min__lte=energy, energy_max__gte=energy)
    return condition


def bare(symbol: str) -> str:
    """The symbol of a space group without the signs of what is lowered: P4_2/mnm, P42/mnm."""
    return symbol.replace("_", "")


def with_bare_group(rows: QuerySet[Structure]) -> QuerySet[Structure]:
    return rows.alias(bare_group=Replace("space_group_symbol", Value("_"), Value("")))


def _spectra_meant(asked: SearchText) -> QuerySet[Spectrum] | None:
    """Published spectra that a line describes beside the crystal; None where it describes none."""
    condition = as_measured(asked)
    if asked.edge:
        condition &= Q(edge__in=covering_edges(asked.edge))
        condition &= Q(absorber=asked.absorber) if asked.absorber else Q()
    return Spectrum.objects.published().filter(condition).order_by() if condition else None


class StructureKeys(StrictFilterSet):
    """Keys about a structure as a whole. They mean the same in every search."""

    elements = Key(coerce=symbol, method="with_elements", help_text="Holds all of these elements.")
    without_elements = Key(
        coerce=symbol, method="without_these", help_text="Holds none of these elements."
    )
    only_elements = Key(
        coerce=symbol, method="with_only", help_text="Holds no other elements than these."
    )
    chemsys = Key(
        "chemical_system",
        coerce=chemical_system,
        help_text="Made of exactly these elements, e.g. Li-Co-O; any order.",
    )
    formula_anonymous = Key(help_text="E.g. AB2.")
    source = Key(help_text="Where the structure comes from: mp, library, file …")
    source_id = Key(help_text="E.g. mp-1234; of its cells the primary one answers.")
    crystal_system = Key(choices=Structure.CrystalSystem.values, help_text="E.g. cubic.")
    space_group = Key(
        method="in_space_group", help_text="Number (225) or symbol (Fm-3m) of the space group."
    )
    prototype = Key(
        coerce=structure_type, method="of_types", help_text="perovskite, spinel, rutile, rocksalt …"
    )
    hypothetical = FlagKey(help_text="Whether the structure has never been observed.")
    energy_above_hull_min = BoundKey("energy_above_hull", lookup="gte", help_text="eV per atom.")
    energy_above_hull_max = BoundKey("energy_above_hull", lookup="lte", help_text="eV per atom.")

    def with_elements(
        self, queryset: QuerySet[Structure], name: str, value: list[str]
    ) -> QuerySet[Structure]:
        for element in value:
            queryset = queryset.filter(_holds(element))
        return queryset

    def without_these(
        self, queryset: QuerySet[Structure], name: str, value: list[str]
    ) -> QuerySet[Structure]:
        for element in value:
            queryset = queryset.filter(~_holds(element))
        return queryset

    def with_only(
        self, queryset: QuerySet[Structure], name: str, value: list[str]
    ) -> QuerySet[Structure]:
        own = StructureElement.objects.filter(structure=OuterRef("pk"))
        return queryset.filter(~Exists(own.exclude(element__in=value)) if value else Q())

    def of_types(
        self, queryset: QuerySet[Structure], name: str, value: list[str]
    ) -> QuerySet[Structure]:
        meant = Q()
        for one in value:
            meant |= of_type(one)
        return queryset.filter(meant)

    def in_space_group(
        self, queryset: QuerySet[Structure], name: str, value: list[str]
    ) -> QuerySet[Structure]:
        numbers = [int(one) for one in value if one.isdecimal() and len(one) < 4]
        symbols = [one for one in value if not one.isdecimal()]
        return queryset.filter(
            Q(space_group_number__in=numbers) | Q(space_group_symbol__in=symbols)
        )


def _holds(element: str) -> Exists:
    return Exists(StructureElement.objects.filter(structure=OuterRef("pk"), element=element))


STRUCTURE_KEYS = tuple(StructureKeys.base_filters)


def structures_where(filters: Mapping[str, Any], given: Mapping[str, Any]) -> QuerySet[Structure]:
    """Structures that meet the structure keys among the cleaned values."""
    found: QuerySet[Structure] = Structure.objects.all()
    for name in STRUCTURE_KEYS:
        found = filters[name].filter(found, given.get(name))
    return found.order_by()


def asks(given: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    """Whether any of these keys has a value."""
    return any(given.get(name) not in (None, [], "") for name in names)


class SiteKeys(StrictFilterSet):
    """Keys about one site: valence, coordination, ligands, symmetry."""

    oxidation_state = ValenceKey(help_text="Of the absorbing site to 0.01, e.g. 2.")
    coordination_number = IntegerKey(help_text="E.g. 6.")
    ligands = Key(coerce=sorted_ligands, help_text="Elements around the site, e.g. O or Cl-O.")
    site_symmetry = Key(help_text="Point group of the site, e.g. m-3m.")
    geometry = Key(help_text="E.g. octahedron.")


SITE_KEYS = tuple(SiteKeys.base_filters)


class StructureFilterSet(StructureKeys, SiteKeys):
    """Search of structures. Site keys must all hold for one site."""

    id = IntegerKey("pk", help_text="Our own number.")
    q = TextKey(method="in_text", help_text="Formula, Li-Co-O, mp-1234, element or name.")
    formula = Key(coerce=reduced_formula, help_text="E.g. TiO2; O2Ti is the same.")
    site_element = Key("element", coerce=symbol, help_text="Element of the site meant.")
    n_elements = IntegerKey(help_text="How many different elements.")
    n_sites_max = BoundKey("n_sites", lookup="lte", help_text="At most so many atoms in the cell.")
    has_spectra = FlagKey(method="with_spectra", help_text="Whether it has published spectra.")
    ordering = OrderingKey(
        {
            "id": "pk",
            "formula": "formula",
            "n_sites": "n_sites",
            "energy_above_hull": "energy_above_hull",
            "created": "created",
            "updated": "updated",
        },
        help_text="Order of the answer; -name is descending.",
    )

    class Meta:
        model = Structure
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Structure]) -> QuerySet[Structure]:
        given = self.form.cleaned_data
        names = (*SITE_KEYS, "site_element")
        for name, key in self.filters.items():
            if name not in names:
                queryset = key.filter(queryset, given.get(name))
        if given.get("source_id"):
            queryset = queryset.filter(is_primary=True)
        if asks(given, names):
            sites: QuerySet[Site] = Site.objects.order_by()
            for name in names:
                sites = self.filters[name].filter(sites, given.get(name))
            queryset = queryset.filter(pk__in=sites.values("structure"))
        return queryset

    def with_spectra(
        self, queryset: QuerySet[Structure], name: str, value: bool
    ) -> QuerySet[Structure]:
        has = Exists(Spectrum.objects.published().filter(structure=OuterRef("pk")))
        return queryset.filter(has if value else ~has)

    def in_text(self, queryset: QuerySet[Structure], name: str, value: str) -> QuerySet[Structure]:
        asked = parse_text(value)
        if asked.spectrum_id is not None:
            queryset = queryset.filter(spectra__pk=asked.spectrum_id)
        if asked.source_id:
            queryset = queryset.filter(source_id__iexact=asked.source_id, is_primary=True)
        if asked.prototype:
            queryset = queryset.filter(of_type(asked.prototype))
        if asked.chemsys:
            queryset = queryset.filter(chemical_system=asked.chemsys)
        if asked.formulae:
            queryset = queryset.filter(formula__in=asked.formulae)
        if asked.doi:
            queryset = queryset.filter(doi__iexact=asked.doi)
        if (meant := structures_meant(asked)) is not None:
            queryset = queryset.filter(pk__in=meant.values("pk"))
        if asked.about.site or asked.valence is not None:
            of_site = Site.objects.filter(**asked.about.site)
            if asked.absorber:
                of_site = of_site.filter(element=asked.absorber)
            if asked.valence is not None:
                of_site = of_site.filter(of_valence("oxidation_state", asked.valence))
            queryset = queryset.filter(pk__in=of_site.values("structure"))
        if (shown := _spectra_meant(asked)) is not None:
            queryset = queryset.filter(pk__in=shown.values("structure"))
        for element in [*asked.elements, *([asked.absorber] if asked.absorber else [])]:
            queryset = queryset.filter(_holds(element))
        for word in asked.words:
            queryset = with_bare_group(queryset).filter(
                Q(name__icontains=word)
                | Q(bare_group__iexact=bare(word))
                | Q(source_id__iexact=word)
            )
        return queryset


class SiteFilterSet(StructureKeys, SiteKeys):
    """Search of sites, by their own environment and by their structure."""

    id = IntegerKey("pk", help_text="Our own number.")
    element = Key(coerce=symbol, help_text="Element of the site.")
    structure = IntegerKey("structure_id", help_text="Number of the structure.")
    formula = Key("structure__formula", coerce=reduced_formula, help_text="E.g. TiO2.")
    ordering = OrderingKey(
        {"id": "pk", "structure": "structure_id", "element": "element"},
        help_text="Order of the answer; -name is descending.",
    )

    class Meta:
        model = Site
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Site]) -> QuerySet[Site]:
        given = self.form.cleaned_data
        for name, key in self.filters.items():
            if name not in STRUCTURE_KEYS:
                queryset = key.filter(queryset, given.get(name))
        if asks(given, STRUCTURE_KEYS):
            queryset = queryset.filter(structure__in=structures_where(self.filters, given))
        if given.get("source_id"):
            queryset = queryset.filter(structure__is_primary=True)
        return queryset
