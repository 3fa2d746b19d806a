"""A search as a few lines of Python that fetch all of it as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.http import HttpRequest
from django.urls import reverse

_LINES = """import io
import time

import pandas as pd
import requests

exports = "{base}exports/"
asked = {{"query": {query}, "format": "parquet"}}


def answer(reply):
    reply.raise_for_status()
    return reply


job = answer(requests.post(exports, json=asked, timeout=120)).json()
while job["status"] in ("queued", "running"):
    time.sleep(2)
    job = answer(requests.get(f"{{exports}}{{job['id']}}/", timeout=120)).json()
if job["status"] != "done":
    raise SystemExit(job["error"])
file = answer(requests.get(job["download"], timeout=120)).content
spectra = pd.read_parquet(io.BytesIO(file))
train = spectra[spectra["split"] == "train"]
print(len(spectra), "spectra,", len(train), "of them of training materials")
"""


def python_recipe(request: HttpRequest, query: Mapping[str, Sequence[str]]) -> str:
    """Python that runs as it stands, with requests, pandas and pyarrow; no key is needed.

    The table has a row a spectrum: every column of an export, ``energy_ev`` and ``intensity``.
    """
    base = request.build_absolute_uri(reverse("api-help").rstrip("/") + "/v1/")
    asked = {key: list(values) for key, values in query.items() if key != "ordering"}
    return _LINES.format(base=base, query=repr(asked))
