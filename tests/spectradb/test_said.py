"""What readers, engines and fits tell is told in the reader's language, with its values."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from spectradb.said import SENTENCES, said
from spectradb.words import in_words

COMPUTE = Path(settings.BASE_DIR) / "compute"


def japanese(text: str) -> bool:
    return any("\u3040" <= sign <= "\u9fff" for sign in text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("X is a vacancy and left out", "Xは空孔なので除きました"),
        ("sites[0] (Ni): outside the range in which the splittings of route cheap were checked: "
         "3 ligands (four to six were); Te as ligand",
         "原子1（Ni）：簡易計算の分裂を検証した範囲の外です："
         "配位子3個（検証は4から6個）; 配位子Te"),
        ("nothing of ours: 3", "nothing of ours: 3"),
    ],
)  # fmt: skip
def test_a_sentence_keeps_its_values(text: str, words: str) -> None:
    with translation.override("ja"):
        assert in_words(text) == words
    assert in_words("X is a vacancy and left out") == "X is a vacancy and left out"


def test_every_sentence_has_its_japanese() -> None:
    with translation.override("ja"):
        for sentence in SENTENCES:
            filled = sentence
            for k in range(6):
                filled = filled.replace(f"{{{k}}}", f"{k + 3}")
            assert japanese(said(filled)), sentence


def findings() -> Iterator[str]:
    """Texts of findings on structures that are written in one piece, with 7 for their values."""
    for path in (COMPUTE / "structures").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
                text = node.args[1]
                if isinstance(text, ast.Constant):
                    yield str(text.value)
                elif isinstance(text, ast.JoinedStr):
                    yield "".join(
                        str(part.value) if isinstance(part, ast.Constant) else "7"
                        for part in text.values
                    )


def test_no_finding_on_a_structure_is_left_in_english() -> None:
    told = [text for text in findings() if text.strip("7; ") != "state it if it is meant"]
    assert len(told) > 25
    with translation.override("ja"):
        # A plural's s and what is added at the end are values in the source.
        left = [
            text for text in told
            if not japanese(said(text)) and not japanese(said(_ended(text)))
        ]  # fmt: skip
    assert not left, "write these into spectradb/said.py, and their Japanese"


def _ended(text: str) -> str:
    for one, other in (("contact7", "contacts"), ("atom7", "atoms"), ("77", "7"), (")7", ")")):
        text = text.replace(one, other)
    return text
