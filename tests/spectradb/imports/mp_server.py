"""A loopback Materials Project for tests: a few documents, pages, summaries and faults."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from pymatgen.core import Lattice, Structure


def documents(n: int) -> list[dict[str, Any]]:
    """Spectra of the copper site of n slightly different cuprous halide cells."""
    energy = np.linspace(8970.0, 9020.0, 60)
    made = []
    for i in range(n):
        lattice = Lattice.cubic(5.4 + 0.05 * i)
        structure = Structure.from_spacegroup(
            "F-43m", lattice, ["Cu", "Cl"], [[0, 0, 0], [0.25, 0.25, 0.25]]
        )
        mu = 1 / (1 + np.exp(-(energy - 8980 - 0.1 * i)))
        made.append(
            {
                "task_id": f"mp-{100 + i}",
                "edge": "K",
                "absorbing_element": "Cu",
                "spectrum_type": "XANES",
                "last_updated": "2026-01-01T00:00:00",
                "spectrum": {
                    "x": energy.tolist(),
                    "y": mu.tolist(),
                    "structure": structure.as_dict(),
                    "absorbing_index": 2,
                },
            }
        )
    return made


class State:
    """What the server holds and does; tests change it between requests."""

    def __init__(self, n: int) -> None:
        self.documents = documents(n)
        self.summaries: dict[str, dict[str, Any]] | None = {}
        self.faults: list[str] = []  # one for each of the next data requests
        self.requests: list[str] = []


@contextmanager
def materials_project(n: int) -> Iterator[tuple[str, State]]:
    """Serve n documents on loopback; yields the endpoint and the state."""
    state = State(n)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def reply(self, body: Any, status: int = 200, cut: bool = False) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            self.close_connection = cut

        def do_GET(self) -> None:  # noqa: N802
            url = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(url.query).items()}
            state.requests.append(self.path)
            if url.path.endswith("/heartbeat"):
                known = {"version": "0.87.3", "db_version": "2026.10.01"}
                return self.reply({"status": "OK", "access_controlled_batch_ids": [], **known})
            if "/materials/summary" in url.path:
                if state.summaries is None:
                    return self.reply({"detail": "Not Found"}, 404)
                wanted = query["material_ids"].split(",")
                found = [state.summaries[i] for i in wanted if i in state.summaries]
                return self.reply({"data": found, "meta": {"total_doc": len(found)}})
            fault = state.faults.pop(0) if state.faults else ""
            if fault.isdecimal():
                return self.reply({"detail": "fault"}, int(fault))
            rows = state.documents
            if tasks := query.get("task_ids"):
                rows = [d for d in rows if d["task_id"] in tasks.split(",")]
            limit = int(query.get("_per_page") or query.get("_limit") or 100)
            skip = (int(query.get("_page") or 1) - 1) * limit
            body = {
                "data": copy.deepcopy(rows[skip : skip + limit]),
                "meta": {"total_doc": len(rows)},
            }
            return self.reply(body, cut=fault == "cut")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", state
    finally:
        server.shutdown()
        server.server_close()
