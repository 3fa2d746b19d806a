"""Who asks, and with what file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.factories import make_user

ROLES = ("visitor", "person", "contributor", "curator")


def client_of(role: str) -> Client:
    client = Client()
    if role != "visitor":
        client.force_login(make_user(role, role if role != "person" else ""))
    return client


def upload(client: Client, address: str, name: str, data: bytes) -> Any:
    return client.post(address, {"file": SimpleUploadedFile(name, data)})


def cif(structure: Any, tmp_path: Path) -> bytes:
    path = tmp_path / "one.cif"
    structure.to(str(path))
    return path.read_bytes()
