"""Materials Project XAS documents, page by page, each checked before anyone uses it.

The client's own document model raises for a whole page when one document is broken, so pages are
read as plain dictionaries and validated here, one by one.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE = 100
_FIELDS = ["task_id", "edge", "absorbing_element", "spectrum_type", "last_updated", "spectrum"]
_EDGES = {"K": "K", "L1": "L1", "L2": "L2", "L3": "L3", "L2,3": "L23"}
_TRIES = 8
_log = logging.getLogger(__name__)


class SourceError(Exception):
    """The source cannot be read; ``permanent`` tells whether a later run would fail as well."""

    cause = "Source not readable"
    permanent = False

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class BrokenDocument(ValueError):
    """One document that cannot be used, and why."""

    cause = "Document not usable"
    permanent = True


@dataclass(frozen=True)
class XasQuery:
    """What to ask for; every field as the Materials Project names it."""

    absorbing_element: str
    edge: str
    spectrum_type: str = "XANES"
    chemsys: str | None = None

    def criteria(self) -> dict[str, str]:
        found = {
            "absorbing_element": self.absorbing_element,
            "edge": next(theirs for theirs, ours in _EDGES.items() if self.edge in (theirs, ours)),
            "spectrum_type": self.spectrum_type,
        }
        return found | ({"chemsys": self.chemsys} if self.chemsys else {})


@dataclass(frozen=True)
class XasDocument:
    """One spectrum of the Materials Project with the structure it was computed for."""

    source_id: str
    absorber: str
    edge: str
    spectrum_type: str
    last_updated: str
    energy_ev: NDArray[np.float64]
    mu: NDArray[np.float64]
    structure: dict[str, Any]
    site_index: int | None  # None: averaged over the sites


@dataclass(frozen=True)
class Page:
    """One page: the good documents, and the broken ones as (task id, reason)."""

    offset: int
    n_received: int
    documents: list[XasDocument]
    broken: list[tuple[str, str]]


class XasSource:
    """The XAS route of one Materials Project server.

    Parameters
    ----------
    api_key : str
        32 characters; never logged.
    endpoint : str
        Empty for the public server.
    """

    def __init__(self, api_key: str, endpoint: str = "") -> None:
        if len(api_key) != 32:
            raise SourceError(
                f"MP_API_KEY has {len(api_key)} characters; a key has 32 "
                "(materialsproject.org, Dashboard)",
                permanent=True,
            )
        from mp_api.client import MPRester

        def connect() -> Any:
            return MPRester(
                api_key,
                endpoint=endpoint or None,
                use_document_model=False,
                mute_progress_bars=True,
            )

        self._client = _retried(connect, "connecting")

    def count(self, query: XasQuery) -> int:
        """How many documents answer the query."""
        return int(_retried(lambda: self._client.materials.xas.count(query.criteria()), "counting"))

    def pages(self, query: XasQuery, start: int = 0) -> Iterator[Page]:
        """Pages from the document number ``start`` (a multiple of the page size) to the end."""
        for number in range(start // PAGE + 1, 10**9):
            page = self._page(query.criteria() | {"_page": number}, (number - 1) * PAGE, query)
            if page.n_received:
                yield page
            if page.n_received < PAGE:
                return

    def tasks(self, query: XasQuery, task_ids: Sequence[str]) -> Iterator[Page]:
        """The documents of these tasks that answer the query."""
        for at in range(0, len(task_ids), 20):
            some = list(task_ids[at : at + 20])
            for number in range(1, 1000):
                page = self._page(query.criteria() | {"task_ids": some, "_page": number}, 0, query)
                yield page
                if page.n_received < PAGE:
                    break

    def stability(self, source_ids: Sequence[str]) -> dict[str, tuple[float | None, bool]]:
        """Energy above hull (eV/atom) and whether the material is only theoretical, by id."""
        documents = _retried(
            lambda: self._client.materials.summary.search(
                material_ids=list(source_ids),
                fields=["material_id", "energy_above_hull", "theoretical"],
                num_chunks=1,
                chunk_size=max(len(source_ids), 1),
            ),
            "reading the summaries",
        )
        found: dict[str, tuple[float | None, bool]] = {}
        for document in documents:
            hull = document.get("energy_above_hull")
            found[_source_id(document["material_id"])] = (
                None if hull is None else float(hull),
                bool(document.get("theoretical", False)),
            )
        return found

    def _page(self, search: dict[str, Any], offset: int, query: XasQuery) -> Page:
        documents = self._documents(search, offset)
        good, broken = [], []
        for document in documents:
            try:
                found = read_document(document)
                _check_asked(found, query)
            except BrokenDocument as error:
                broken.append((str(document.get("task_id", "without task_id")), str(error)))
            else:
                good.append(found)
        return Page(offset, len(documents), good, broken)

    def _documents(self, search: dict[str, Any], offset: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = _retried(
            lambda: self._client.materials.xas.search(
                **search, chunk_size=PAGE, num_chunks=1, fields=_FIELDS
            ),
            f"reading from document {offset}",
        )
        return found


def _check_asked(document: XasDocument, query: XasQuery) -> None:
    """Refuse an answer to another question: a criterion that the server did not take."""
    wanted = {
        "absorbing_element": (document.absorber, query.absorbing_element),
        "edge": (document.edge, _EDGES.get(query.edge, query.edge)),
        "spectrum_type": (document.spectrum_type, query.spectrum_type),
    }
    for name, (sent, asked) in wanted.items():
        if sent != asked:
            raise BrokenDocument(f"{name} is {sent}, {asked} was asked for")
    elements = {
        str(one.get("element"))
        for site in document.structure["sites"]
        for one in site.get("species", [])
    }
    if query.chemsys and not in_chemsys(elements, query.chemsys):
        raise BrokenDocument(f"holds {'-'.join(sorted(elements))}, {query.chemsys} was asked for")


def in_chemsys(elements: set[str], pattern: str) -> bool:
    """Whether a material is of a chemical system such as ``Li-Co-O``.

    As the source takes them: ``*`` stands for one more element, commas separate alternatives.
    """
    for one in pattern.split(","):
        names = [name.strip() for name in one.split("-")]
        fixed = {name for name in names if name != "*"}
        if len(elements) == len(names) and fixed <= elements:
            return True
    return False


def read_document(document: dict[str, Any]) -> XasDocument:
    """Check one document.

    Raises
    ------
    BrokenDocument
        Naming the field that is wrong.
    """
    spectrum = document.get("spectrum")
    if not isinstance(spectrum, dict):
        raise BrokenDocument("spectrum is missing")
    edge = _EDGES.get(str(document.get("edge")))
    if edge is None:
        raise BrokenDocument(f"edge {document.get('edge')!r} is unknown")
    x, y = _numbers(spectrum, "x"), _numbers(spectrum, "y")
    if x.size != y.size:
        raise BrokenDocument(f"spectrum.x has {x.size} values, spectrum.y {y.size}")
    if x.size < 10:
        raise BrokenDocument(f"spectrum.x has only {x.size} values")
    if not (np.diff(x) > 0).all():
        raise BrokenDocument("spectrum.x is not ascending")
    structure = spectrum.get("structure")
    sites = structure.get("sites") if isinstance(structure, dict) else None
    if not isinstance(structure, dict) or not isinstance(sites, list) or not sites:
        raise BrokenDocument("spectrum.structure is missing or has no sites")
    absorber = str(document.get("absorbing_element"))
    index = spectrum.get("absorbing_index")
    if index is not None:
        if not isinstance(index, int) or not 0 <= index < len(sites):
            raise BrokenDocument(f"absorbing_index {index!r} is no site of {len(sites)}")
        species = sites[index].get("species") or [{}]
        if str(species[0].get("element")) != absorber:
            raise BrokenDocument(
                f"absorbing_index {index} is {species[0].get('element')}, not {absorber}"
            )
    return XasDocument(
        source_id=_source_id(document.get("task_id")),
        absorber=absorber,
        edge=edge,
        spectrum_type=str(document.get("spectrum_type")),
        last_updated=str(document.get("last_updated") or ""),
        energy_ev=x,
        mu=y,
        structure=structure,
        site_index=index,
    )


def _source_id(task_id: object) -> str:
    """``mp-<int>``: the newer letter ids stand for the same numbers. Other prefixes (``mvc-``)
    number other series, so they are kept."""
    from emmet.core.mpid import AlphaID

    text = str(task_id)
    prefix = text.partition("-")[0] if "-" in text else "mp"
    try:
        return f"{prefix}-{int(AlphaID(text))}"
    except ValueError as error:
        raise BrokenDocument(f"task_id {task_id!r} is no Materials Project id") from error


def _numbers(spectrum: dict[str, Any], name: str) -> NDArray[np.float64]:
    values = spectrum.get(name)
    if not isinstance(values, list):
        raise BrokenDocument(f"spectrum.{name} is missing")
    for at, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BrokenDocument(f"spectrum.{name}[{at}] is {value!r}")
    numbers = np.array(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise BrokenDocument(f"spectrum.{name} holds NaN or infinity")
    return numbers


def _retried(call: Any, doing: str) -> Any:
    """Call, and again after growing pauses while the fault may pass.

    The client itself retries 429, 502 and 504 three times at once; cut bodies and longer outages
    end up here.
    """
    from mp_api.client.core.exceptions import MPRestError
    from requests.exceptions import RequestException

    pause = 0.5
    for attempt in range(1, _TRIES + 1):
        try:
            return call()
        except (MPRestError, RequestException, ValueError, EOFError, OSError) as error:
            text = str(error)
            if any(f"status code {code}" in text for code in (400, 401, 403, 404, 422)):
                raise SourceError(f"{doing}: {text}", permanent=True) from error
            if attempt == _TRIES:
                raise SourceError(
                    f"{doing}: no answer after {_TRIES} tries; last: {text[:200]}", permanent=False
                ) from error
            _log.warning("%s failed (try %d of %d), retrying: %.200s", doing, attempt, _TRIES, text)
            time.sleep(pause * (1 + random.random()))
            pause = min(2 * pause, 30.0)
    raise AssertionError("unreachable")
