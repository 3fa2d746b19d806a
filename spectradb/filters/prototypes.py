"""Structure types by name: what a perovskite or a spinel is, in columns that structures have.

A type is told by the anonymous formula, the space groups that its distortions have, and how many
neighbours its sites have; an ordered crystal with all of these counts. So does one that bears the
name, as minerals and the library's own prototypes do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from spectradb.models import Site

_KIND = re.compile(r"(?:[ -]?(?:type|like|structure)|型|構造)+$")


@dataclass(frozen=True)
class StructureType:
    """Formulae and space groups of a type, coordination numbers that its sites must have.

    ``near`` holds (least, most) pairs, each met by one site or another; ``never`` a coordination
    number that no site has; ``other_names`` in small letters and in Japanese.
    """

    formulae: tuple[str, ...]
    groups: tuple[int, ...]
    near: tuple[tuple[int, int], ...] = ()
    never: int = 0
    other_names: tuple[str, ...] = ()


_SIX, _FOUR, _EIGHT, _TWO = (6, 6), (4, 4), (8, 8), (2, 2)
TYPES: dict[str, StructureType] = {
    "perovskite": StructureType(
        ("ABC3",),
        (2, 12, 14, 15, 38, 62, 63, 71, 74, 99, 123, 127, 137, 140, 148, 160, 161, 167, 221),
        (_SIX, (8, 12)), other_names=("perovskites", "ペロブスカイト", "灰チタン石"),
    ),
    "spinel": StructureType(
        ("AB2C4", "A3B4"), (141, 227), (_FOUR, _SIX),
        other_names=("spinels", "スピネル", "尖晶石"),
    ),
    "rocksalt": StructureType(
        ("AB",), (225,), (_SIX,), other_names=("halite", "nacl-type", "岩塩"),
    ),
    "zincblende": StructureType(
        ("AB",), (216,), (_FOUR,), other_names=("sphalerite", "閃亜鉛鉱"),
    ),
    "wurtzite": StructureType(("AB",), (186,), (_FOUR,), other_names=("ウルツ鉱",)),
    "nickeline": StructureType(
        ("AB",), (194,), (_SIX,), other_names=("nias-type", "紅砒ニッケル鉱"),
    ),
    "rutile": StructureType(("AB2",), (136,), (_SIX,), other_names=("ルチル", "金紅石")),
    "anatase": StructureType(("AB2",), (141,), (_SIX,), other_names=("アナターゼ", "鋭錐石")),
    "brookite": StructureType(("AB2",), (61,), (_SIX,), other_names=("ブルッカイト", "板チタン石")),
    "fluorite": StructureType(
        ("AB2",), (225,), (_EIGHT,), other_names=("antifluorite", "蛍石"),
    ),
    "pyrite": StructureType(("AB2",), (205,), (_SIX,), other_names=("黄鉄鉱", "パイライト")),
    "brucite": StructureType(("AB2",), (164,), (_SIX,), other_names=("cdi2-type", "ブルース石")),
    "delafossite": StructureType(
        ("ABC2",), (166, 194), (_SIX, _TWO), other_names=("デラフォサイト",),
    ),
    "layered rocksalt": StructureType(
        ("ABC2",), (166,), (_SIX,), never=2, other_names=("層状岩塩", "α-nafeo2"),
    ),
    "chalcopyrite": StructureType(("ABC2",), (122,), (_FOUR,), other_names=("黄銅鉱",)),
    "corundum": StructureType(("A2B3",), (167,), (_SIX,), other_names=("コランダム", "鋼玉")),
    "ilmenite": StructureType(
        ("ABC3",), (148,), (_SIX,), other_names=("イルメナイト", "チタン鉄鉱"),
    ),
    "garnet": StructureType(
        ("A2B3C3D12", "A3B5C12"), (230,), (_SIX, _FOUR),
        other_names=("garnets", "ガーネット", "ザクロ石"),
    ),
    "olivine": StructureType(
        ("AB2C4", "ABCD4"), (62,), (_SIX, _FOUR), other_names=("カンラン石", "オリビン"),
    ),
    "pyrochlore": StructureType(
        ("A2B2C7",), (227,), (_SIX, _EIGHT), other_names=("パイロクロア",),
    ),
    "scheelite": StructureType(("ABC4",), (88,), (_FOUR,), other_names=("灰重石", "シーライト")),
    "zircon": StructureType(("ABC4",), (141,), (_EIGHT,), other_names=("ジルコン",)),
    "infinite layer": StructureType(("ABC2",), (123,), (_FOUR,), other_names=("無限層",)),
}  # fmt: skip
_NAMES = {name: key for key, one in TYPES.items() for name in (key, *one.other_names)}
SPACED = {"rock salt": "rocksalt", "zinc blende": "zincblende", "layered rocksalt": "層状岩塩",
          "infinite layer": "無限層"}  # fmt: skip
"""Names of several words, as the free-text box reads them: as one."""


def type_named(word: str) -> str:
    """The type that a word names (perovskites, ペロブスカイト型); empty for other words."""
    word = word.lower()
    return _NAMES.get(word) or _NAMES.get(_KIND.sub("", word), "")


def structure_type(text: str) -> str:
    """The type by its name.

    Raises
    ------
    ValueError
        Naming those that there are.
    """
    if not (found := type_named(text.strip())):
        raise ValueError(f"{text!r} is not a structure type; there are {', '.join(TYPES)}")
    return found


def of_type(key: str) -> Q:
    """What structures of a type have."""
    one = TYPES[key]
    built = Q(formula_anonymous__in=one.formulae, space_group_number__in=one.groups)
    for pair in one.near:
        built &= Q(_has_site(coordination_number__range=pair))
    if one.never:
        built &= ~Q(_has_site(coordination_number=one.never))
    named = Q(name__istartswith=f"{key} prototype")
    for name in (key, *one.other_names):
        named |= Q(name__iexact=name)
    return built | named


def _has_site(**wanted: object) -> Exists:
    return Exists(Site.objects.filter(structure=OuterRef("pk"), **wanted))
