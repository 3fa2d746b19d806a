"""How much the packages know of each other: imports between them, pairs, cycles.

    python -m tests.benchmarks.count_imports [--commit COMMIT] [--pairs]

A package is what stands directly in ``compute``, ``ml`` or ``spectradb``: a folder, or a module of
its own. Pairs of packages of which one imports the other, and imports from module to module
behind them, inside functions too; imports for type checkers alone do not count. With a commit, its
files are read from git.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("compute", "ml", "spectradb")
VOCABULARY = ("compute.errors", "compute.units")  # words that everybody uses
_HERE = Path(__file__).resolve().parents[2]


def sources(commit: str | None) -> dict[str, str]:
    """Dotted module name to source, of every Python file of the three trees."""
    listing = ["ls-files"] if commit is None else ["ls-tree", "-r", "--name-only", commit]
    names = [n for n in _git(*listing, "--", *ROOTS).splitlines() if n.endswith(".py")]
    out = {}
    for name in names:
        path = _HERE / name
        if commit is None and not path.exists():
            continue
        text = path.read_text("utf-8") if commit is None else _git("show", f"{commit}:{name}")
        out[name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")] = text
    return out


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_HERE), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def imported(module: str, text: str, known: set[str]) -> set[str]:
    """Modules of ours that a module names."""
    out = set()
    for node in _statements(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.level or node.module is None:
            raise SystemExit(f"{module}: relative imports are not counted")
        else:
            names = [
                full if (full := f"{node.module}.{alias.name}") in known else node.module
                for alias in node.names
            ]
        out |= {name for name in names if name in known}
    return out - {module}


def _statements(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield from _statements(other)
        else:
            yield from _statements(child)


def package(module: str) -> str:
    """``compute.l23`` of ``compute.l23.cheap.radial``."""
    return ".".join(module.split(".")[:2])


def between(texts: dict[str, str]) -> Counter[tuple[str, str]]:
    """Imports from one package to another."""
    known = set(texts)
    found: Counter[tuple[str, str]] = Counter()
    for module, text in texts.items():
        for other in imported(module, text, known):
            if package(other) != package(module):
                found[package(module), package(other)] += 1
    return found


def cycles(pairs: set[tuple[str, str]]) -> list[list[str]]:
    """Groups of packages that reach each other."""
    reach: dict[str, set[str]] = {}
    for a, b in pairs:
        reach.setdefault(a, set()).add(b)
        reach.setdefault(b, set())
    for k in reach:
        for a in reach:
            if k in reach[a]:
                reach[a] |= reach[k]
    groups = {
        tuple(sorted(b for b in reach if b in reach[a] and a in reach[b]))
        for a in reach
        if a in reach[a]
    }
    return [list(group) for group in sorted(groups)]


def report(commit: str | None, *, pairs: bool) -> str:
    texts = sources(commit)
    found = between(texts)
    vocabulary = ", ".join(VOCABULARY)
    out = [f"| {commit or 'working tree'} | modules | packages | pairs | imports between them |"
           f" without {vocabulary} |", "|---" * 6 + "|"]  # fmt: skip
    for root in (*ROOTS, "all"):
        inside = [m for m in texts if root in ("all", m.split(".")[0])]
        own = {p: n for p, n in found.items() if root in ("all", p[0].split(".")[0])}
        packages = len({package(module) for module in inside})
        rest = sum(n for (_, other), n in own.items() if other not in VOCABULARY)
        cells = [root, len(inside), packages, len(own), sum(own.values()), rest]
        out.append("| " + " | ".join(map(str, cells)) + " |")
    loops = cycles(set(found))
    out.append("\nCycles: " + ("; ".join(" ↔ ".join(group) for group in loops) or "none"))
    if pairs:
        out += [f"{a} → {b}: {n}" for (a, b), n in sorted(found.items())]
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--commit", help="read from git instead of the working tree")
    parser.add_argument("--pairs", action="store_true", help="list every pair of packages")
    arguments = parser.parse_args()
    sys.stdout.write(report(arguments.commit, pairs=arguments.pairs))


if __name__ == "__main__":
    main()
