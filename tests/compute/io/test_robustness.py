"""Whatever the bytes, a reader answers with spectra, ReadError or SkipFile, in bounded time."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compute.errors import ReadError, SkipFile
from compute.io import RawSpectrum, read_bytes
from compute.io.dispatch import UNFORESEEN
from compute.io.perl import PerlSyntaxError, parse_list
from tests.compute.io.samples import HEAD, group, kek, msa
from tests.compute.io.test_xdi import xdi

NAMES = ["a.xdi", "a.dat", "a.msa", "a.prj", "a.chi", "a.csv", "a.h5", "a.dm3", "a", "../../b.xdi"]
STARTS = [
    xdi(),
    kek().encode(),
    msa().encode(),
    (HEAD + group("a", "b")).encode()[:2000],
    b'{"_____header1": "# Athena project file", "a": {"args": {}, "x": [1], "y": [2]}}',
    b"# energy mu\n1 2\n3 4\n5 6\n",
    b"\x89HDF\r\n\x1a\n",
    b"\x1f\x8b",
    b"",
]
PIECES = [
    b"nan",
    b"1e999",
    b"-1e308",
    b"#",
    b":",
    b"\r",
    b"\x00",
    b"'",
    b"(",
    b"[",
    b"0 0\n",
    b"\xff",
]


def answer(name: str, data: bytes) -> None:
    try:
        found = read_bytes(name, data)
    except ReadError as error:
        told = str(error)
    except SkipFile as skip:
        told = skip.reason
    else:
        told = ""
        _check(found)
    assert UNFORESEEN not in told, told


def _check(found: list[RawSpectrum]) -> None:
    for one in found:
        assert one.energy_ev.size == one.intensity.size >= 2
        assert (np.diff(one.energy_ev) > 0).all()
        assert np.isfinite(one.energy_ev).all()
        assert np.isfinite(one.intensity).all()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(NAMES), start=st.sampled_from(STARTS), tail=st.binary(max_size=300))
def test_any_bytes_are_answered(name: str, start: bytes, tail: bytes) -> None:
    answer(name, start + tail)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(NAMES),
    start=st.sampled_from(STARTS),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 30), st.sampled_from(PIECES)), max_size=6
    ),
)
def test_damaged_files_are_answered(
    name: str, start: bytes, edits: list[tuple[float, int, bytes]]
) -> None:
    data = bytearray(start)
    for place, length, piece in edits:
        at = int(place * len(data))
        data[at : at + length] = piece
    answer(name, bytes(data))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.xdi", b"# XDI/1.0\n" + b"# a" * 300_000),
        ("a.xdi", b"# XDI/1.0\n" + b"# " + b"a." * 300_000 + b":\n"),
        ("a.dat", b" " * 10**6 + b"x"),
        ("a.dat", b"1 " * 500_000),
        ("a.dat", b"a=" * 300_000 + b"\n1 2\n2 3\n3 4\n"),
        ("a.dat", b"#" * 10**6),
        ("a.prj", HEAD.encode() + b"$old_group = 'a';\n@args = " + b"(" * 300_000),
        ("a.prj", HEAD.encode() + b"$old_group = 'a';\n@args = ('" + b"\\" * 300_001),
        ("a.json", b"[" * 300_000),
        ("a.msa", b"#FORMAT : EMSA/MAS\n" + b"#A" + b" " * 300_000 + b"\n"),
        ("a.msa", b"#FORMAT : EMSA/MAS\n#SPECTRUM :\n" + b"1," * 300_000),
        ("a.dat", kek().encode() + b"1-" * 300_000),
    ],
)
def test_hostile_files_cost_linear_time(name: str, data: bytes) -> None:
    start = time.process_time()
    answer(name, data)
    assert time.process_time() - start < 3


def test_too_many_points_are_refused() -> None:
    data = b"# energy mu\n" + b"".join(b"%d 1\n" % i for i in range(200_002))
    with pytest.raises(ReadError, match="200000"):
        read_bytes("a.dat", data)


def test_too_large_a_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(ReadError, match="the limit is 64 MiB"):
        read_bytes("a.dat", b"1" * (64 * 2**20 + 1))


@given(
    st.recursive(
        st.text(alphabet="ab'\\\n, ()[]", max_size=8),
        lambda inner: st.lists(inner, max_size=4),
        max_leaves=12,
    ).filter(lambda value: isinstance(value, list))
)
def test_perl_lists_round_trip(value: list[object]) -> None:
    assert parse_list(_dump(value)) == value


@given(st.text(max_size=60))
def test_perl_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(PerlSyntaxError):
        assert isinstance(parse_list(text), list)


def _dump(value: object, opening: str = "(") -> str:
    if isinstance(value, list):
        closing = {"(": ")", "[": "]"}[opening]
        return opening + ",".join(_dump(item, "[") for item in value) + closing
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
