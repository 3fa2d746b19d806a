"""What a CIF block says of its symmetry, and the readings that leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from compute.errors import InputError, ReadError
from compute.structures.atoms import number
from compute.structures.blocks import Block
from compute.structures.limits import MAX_OPERATIONS, refuse_many
from compute.structures.operations import (
    FloatArray,
    Setting,
    identity,
    is_closed,
    listed,
    setting_of_hall,
    settings_named,
    settings_of,
)

_OPERATIONS = (
    "_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_space_group_symop_xyz",
    "_symmetry_equiv_pos_as_xyz_", "_space_group_symop_magn_operation_xyz",
)  # fmt: skip
_CENTRINGS = "_space_group_symop_magn_centering_xyz"
_NAMES = (
    "_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m_full",
    "_symmetry_space_group_name_h-m_alt", "_symmetry_space_group_name_h_m",
    "_space_group_name_h-m", "_space_group_name_h-m_ref",
)  # fmt: skip
_NUMBERS = (
    "_space_group_it_number", "_symmetry_int_tables_number", "_symmetry_space_group_number",
)  # fmt: skip
_HALLS = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_CODES = ("_space_group_it_coordinate_system_code",)


@dataclass(frozen=True)
class Reading:
    """One way to read the symmetry.

    Attributes
    ----------
    setting : Setting
    stated : bool
        Whether the file itself names this reading, as against what it could mean.
    """

    setting: Setting
    stated: bool


@dataclass(frozen=True)
class Readings:
    """All that a block's symmetry could mean, likeliest first.

    Attributes
    ----------
    readings : list of Reading
    words : str
        What the file says, for messages.
    silent : bool
        Whether the file names no group and lists no operation but perhaps the identity.
    listed : bool
        Whether it lists the identity.
    explicit : bool
        Whether it lists more than the identity, and the list is sound and not contradicted by
        the name: then that is what it means.
    """

    readings: list[Reading]
    words: str
    silent: bool = False
    listed: bool = False
    explicit: bool = False
    notes: list[str] = field(default_factory=list)


def read_symmetry(block: Block, name: str) -> Readings:
    """What the block says, and the other settings of the group it names.

    Raises
    ------
    ReadError
        An operation or number that is not understood where nothing else tells the symmetry.
    """
    texts = [value.text for value in block.column(*_OPERATIONS) if value.text]
    refuse_many(len(texts), MAX_OPERATIONS, "symmetry operations", name)
    own: Setting | None = None
    notes: list[str] = []
    named, words, group = _named(block, notes)
    if texts:
        try:
            own = _with_centrings(listed(texts), block)
        except ReadError as error:
            if not named:
                raise ReadError([f"{name}: {one}" for one in error.errors]) from error
            notes += [f"{one}; the space group's name is used" for one in error.errors]
    others = [one for one in (settings_of(group) if group else []) if one not in named]
    if own is not None and len(own.rotations) > 1:
        order = {len(one.rotations) for one in named or others}
        sound = is_closed(own) and (not order or len(own.rotations) in order)
        words = words or f"{len(own.rotations)} operations"
        if not sound:
            notes.append(
                f"{len(own.rotations)} symmetry operations are listed, {words} has "
                f"{', '.join(map(str, sorted(order)))}"
                if order
                else f"the {len(own.rotations)} symmetry operations listed are no complete group"
            )
        readings = [Reading(own, True), *_each(named, True), *_each(others, False)]
        return Readings(readings, words, explicit=sound, notes=notes)
    if named:
        trivial = group == 1
        readings = [*_each(named, True), *_each(others, False)]
        if own is not None and not trivial:  # a name, but only x,y,z: both are said
            readings.append(Reading(identity(), True))
        return Readings(readings, words, explicit=trivial, notes=notes)
    if own is not None and (group == 1 or words):
        return Readings([Reading(identity(), True)], words or "x, y, z", notes=notes)
    # x, y, z alone and no name: some programs write that for a full list, others for want of
    # better; nothing at all says even less.
    return Readings(
        [Reading(identity(), True)], words, silent=True, listed=own is not None, notes=notes
    )


def readings_of(choice: str) -> Readings:
    """The readings of a space group that a person names: ``I 41/a m d:2``, ``62``, ``P 1``.

    Raises
    ------
    InputError
        If there is no such group or setting.
    """
    if choice.strip().isdigit():
        named = settings_of(int(choice))
    else:
        named, _ = settings_named(choice)
        hall = None if named else setting_of_hall(choice)
        named = [hall] if hall is not None else named
    if not named:
        raise InputError("space_group", choice, "no space group of this name, number or setting")
    return Readings(_each(named, True), choice, explicit=len(named) == 1)


def metric_readings(lattice: FloatArray) -> list[Reading]:
    """Every setting of every group that a cell could have, the highest group first.

    A written cell has the metric of its system exactly, or it is of a lower one.
    """
    return [
        Reading(one, False)
        for group in range(230, 0, -1)
        for one in settings_of(group)
        if one.fits(lattice, within=5e-4)
    ]


def _named(block: Block, notes: list[str]) -> tuple[list[Setting], str, int]:
    """Settings that name, Hall symbol and number state; the words; the group's number or 0."""
    words: list[str] = []
    found: list[Setting] = []
    code = block.text(*_CODES) or ""
    symbol = block.text(*_HALLS)
    if symbol is not None:
        words.append(f"Hall {symbol}")
        exact = setting_of_hall(symbol)
        if exact is not None:
            found = [exact]
    group = number(block.values.get(next((n for n in _NUMBERS if n in block.values), "")))
    group_number = int(group) if group is not None and 1 <= group <= 230 else 0
    for tag in _NAMES:
        text = block.text(tag)
        if text is None:
            continue
        words.append(text)
        by_name, _ = settings_named(text)
        if not by_name:
            notes.append(f"space group {text!r} is not known")
        elif not found:
            found = by_name
        elif by_name[0].number != found[0].number:
            notes.append(f"Hall symbol {symbol} and space group {text} contradict each other")
            found = [*found, *by_name]
        break
    if code and found:
        found = [one for one in found if one.choice.lower() == code.lower()] or found
    if group_number and not found:
        words.append(f"number {group_number}")
        found = settings_of(group_number)
        found = [one for one in found if code and one.choice.lower() == code.lower()] or found
    elif group_number and found and all(one.number != group_number for one in found):
        notes.append(f"space group {words[-1]} is not number {group_number}")
        found = [*found, *settings_of(group_number)]
    return found, ", ".join(words), found[0].number if found else group_number


def _with_centrings(setting: Setting, block: Block) -> Setting:
    """A magnetic CIF lists its centring translations apart."""
    import numpy as np

    extra = [value.text for value in block.column(_CENTRINGS) if value.text]
    if not extra:
        return setting
    shifts = listed(extra).translations
    return Setting(
        0,
        setting.name,
        "",
        "",
        np.concatenate([setting.rotations] * len(shifts)),
        np.concatenate([(setting.translations + shift) % 1.0 for shift in shifts]),
    )


def _each(settings: Sequence[Setting], stated: bool) -> list[Reading]:
    return [Reading(one, stated) for one in settings]
