"""Determinants as bit strings, ordered in symmetry blocks with constant-time lookup.

A spin-orbital is a bit. The bits are cut at a shell boundary into a low and a high part; every
part belongs to a class (its electron counts per shell and its charge), and within a block a
determinant's place is ``base[high] + offset[class(high), class(low)] + rank[low]``, the
two-table idea of H. Q. Lin, Phys. Rev. B 42 (1990) 6561, extended to several configurations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Configuration = tuple[int, ...]  # electrons in each shell


class Lookup(NamedTuple):
    """What a kernel needs to find a determinant of one block."""

    low_bits: int
    base: NDArray[np.int32]  # (2**high_bits,)
    high_class: NDArray[np.int32]  # (2**high_bits,), -1 for strings of no configuration
    low_class: NDArray[np.int32]  # (2**low_bits,), the same
    rank: NDArray[np.int32]  # (2**low_bits,) place among the strings of its class
    offset: NDArray[np.int32]  # (high classes, low classes), -1 where not in the block


@dataclass(frozen=True, eq=False)
class Block:
    """The determinants of one symmetry block.

    Attributes
    ----------
    charge : int
        Sum of the orbital charges, modulo the space's modulus.
    determinants : int64 (n,)
    configuration : int32 (n,)
        Index into the space's configurations.
    lookup : Lookup
    """

    charge: int
    determinants: NDArray[np.int64]
    configuration: NDArray[np.int32]
    lookup: Lookup

    @property
    def size(self) -> int:
        return int(self.determinants.size)


class Space:
    """All determinants of some configurations, cut into blocks of equal charge.

    Parameters
    ----------
    shells : spin-orbitals in each shell; shell 0 has the lowest bits
    configurations : electrons in each shell, one tuple a configuration
    charges : one integer for each spin-orbital (twice m_j in the multiplet code)
    modulus : blocks are charges modulo this; 0 keeps the charges themselves
    """

    def __init__(
        self,
        shells: tuple[int, ...],
        configurations: tuple[Configuration, ...],
        charges: tuple[int, ...],
        modulus: int,
    ) -> None:
        self.shells, self.configurations = shells, configurations
        self.charges, self.modulus = charges, modulus
        bits = [0, *np.cumsum(shells).tolist()]
        cut = min(range(1, len(shells) + 1), key=lambda c: max(bits[c], bits[-1] - bits[c]))
        self.low_bits: int = bits[cut]
        low_count = sorted({c[:cut] for c in configurations})
        high_count = sorted({c[cut:] for c in configurations})
        self._low = _Part(shells[:cut], charges[: bits[cut]], low_count, modulus)
        self._high = _Part(shells[cut:], charges[bits[cut] :], high_count, modulus)
        index = {c: i for i, c in enumerate(configurations)}
        # configuration and charge of every pair of classes; -1: in no configuration
        self._pair = np.array(
            [[index.get(lo + hi, -1) for lo, _ in self._low.keys] for hi, _ in self._high.keys],
            np.int32,
        )
        charge = np.array([q for _, q in self._high.keys])[:, None] + np.array(
            [q for _, q in self._low.keys]
        )
        self._pair_charge = charge % modulus if modulus else charge
        self._blocks: dict[int, Block] = {}

    @cached_property
    def block_charges(self) -> tuple[int, ...]:
        """Charges that occur, ascending."""
        return tuple(np.unique(self._pair_charge[self._pair >= 0]).tolist())

    @cached_property
    def size(self) -> int:
        """Determinants in all blocks."""
        sizes = np.multiply.outer(self._high.sizes, self._low.sizes)
        return int(sizes[self._pair >= 0].sum())

    def block_size(self, charge: int) -> int:
        """Determinants of one block, without making it."""
        sizes = np.multiply.outer(self._high.sizes, self._low.sizes)
        return int(sizes[(self._pair >= 0) & (self._pair_charge == charge)].sum())

    def reduce(self, charge: int) -> int:
        """A charge as it names a block."""
        return charge % self.modulus if self.modulus else charge

    def block(self, charge: int) -> Block:
        """The block of this charge (made once, empty if the charge does not occur)."""
        charge = self.reduce(charge)
        if charge not in self._blocks:
            self._blocks[charge] = self._make(charge)
        return self._blocks[charge]

    def _make(self, charge: int) -> Block:
        low, high = self._low, self._high
        allowed = (self._pair >= 0) & (self._pair_charge == charge)
        sizes = np.where(allowed, low.sizes[None, :], 0)
        offset = np.where(allowed, np.cumsum(sizes, axis=1) - sizes, -1).astype(np.int32)
        per_high = sizes.sum(axis=1)[high.class_of[high.strings]]
        base = np.zeros(high.class_of.size, np.int32)
        base[high.strings] = np.cumsum(per_high) - per_high
        total = int(per_high.sum())
        determinants = np.empty(total, np.int64)
        configuration = np.empty(total, np.int32)
        for hc in np.flatnonzero(allowed.any(axis=1)):
            strings = high.members[hc]
            lows = np.flatnonzero(allowed[hc])
            tail = np.concatenate([low.members[lc] for lc in lows])
            place = base[strings][:, None] + np.arange(tail.size)
            determinants[place] = (strings[:, None] << self.low_bits) | tail
            configuration[place] = np.repeat(self._pair[hc, lows], low.sizes[lows])
        lookup = Lookup(self.low_bits, base, high.class_of, low.class_of, low.rank, offset)
        return Block(charge, determinants, configuration, lookup)


class _Part:
    """Strings of some shells, in classes of equal counts and charge."""

    def __init__(
        self,
        shells: tuple[int, ...],
        charges: tuple[int, ...],
        counts: list[Configuration],
        modulus: int,
    ) -> None:
        strings = np.arange(1 << sum(shells), dtype=np.int64)
        charge = np.zeros(strings.size, np.int64)
        code = np.zeros(strings.size, np.int64)
        bit = 0
        for size in shells:
            number = np.zeros(strings.size, np.int64)
            for _ in range(size):
                occupied = (strings >> bit) & 1
                number += occupied
                charge += occupied * charges[bit]
                bit += 1
            code = code * (size + 1) + number
        wanted = {_code(c, shells): c for c in counts}
        self.strings = strings[np.isin(code, list(wanted))]
        code, charge = code[self.strings], charge[self.strings]
        if modulus:
            charge %= modulus
        span = int(np.abs(charge).max(initial=0)) * 2 + 1
        unique, which = np.unique(code * span + charge + span // 2, return_inverse=True)
        self.keys = [(wanted[int(u) // span], int(u) % span - span // 2) for u in unique]
        self.sizes = np.bincount(which, minlength=len(self.keys)).astype(np.int64)
        self.class_of = np.full(1 << sum(shells), -1, np.int32)
        self.class_of[self.strings] = which
        self.rank = np.full(1 << sum(shells), -1, np.int32)
        self.members = [self.strings[which == c] for c in range(len(self.keys))]
        for member in self.members:
            self.rank[member] = np.arange(member.size)


def _code(counts: Configuration, shells: tuple[int, ...]) -> int:
    code = 0
    for number, size in zip(counts, shells, strict=True):
        code = code * (size + 1) + number
    return code


@lru_cache(maxsize=64)
def space(
    shells: tuple[int, ...],
    configurations: tuple[Configuration, ...],
    charges: tuple[int, ...],
    modulus: int,
) -> Space:
    """A space, shared by all calculations that need the same one."""
    return Space(shells, configurations, charges, modulus)
