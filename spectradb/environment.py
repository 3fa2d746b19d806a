"""What environment variables say, checked: whatever cannot be is an error that names the variable.

Every function raises ``ImproperlyConfigured``. :mod:`spectradb.settings` lists the variables.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import time
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_LOOKS, _LOOK_SECONDS = 20, 0.1  # for a key that another process is writing


def flag(name: str, default: bool = False) -> bool:
    """A switch."""
    text = os.environ.get(name, "").strip().lower()
    if text in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return default if not text else text in {"1", "true", "yes", "on"}
    raise ImproperlyConfigured(f"{name} is {text!r}; use 1 or 0")


def integer(name: str, default: int, minimum: int = 1) -> int:
    """A whole number."""
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) < minimum:
        raise ImproperlyConfigured(f"{name} is {text!r}; use a whole number of at least {minimum}")
    return int(text)


def optional_integer(name: str) -> int | None:
    """A whole number, None where it is unset."""
    return integer(name, 1) if os.environ.get(name, "").strip() else None


def names(name: str, default: str = "") -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def one_of(name: str, choices: tuple[str, ...]) -> str:
    """One of these; the first where it is unset."""
    text = os.environ.get(name, "").strip() or choices[0]
    if text not in choices:
        raise ImproperlyConfigured(f"{name} is {text!r}; choose one of {', '.join(choices)}")
    return text


def trusted_proxies() -> list[str]:
    """Addresses and networks whose X-Forwarded headers count."""
    given = names("TRUSTED_PROXIES")
    for name in given:
        if name != "unix":
            try:
                ip_network(name, strict=False)
            except ValueError as error:
                raise ImproperlyConfigured(f"TRUSTED_PROXIES: {error}; or write unix") from error
    return given


def mail() -> tuple[str, int, str, str, bool, bool]:
    """Host (empty where nothing is mailed), port, user, password, STARTTLS, TLS."""
    url = urlsplit(os.environ.get("EMAIL_URL", "").strip())
    if not url.scheme:
        return "", 25, "", "", False, False
    ports = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
    if url.scheme not in ports or not url.hostname:
        raise ImproperlyConfigured("EMAIL_URL: write smtp://, smtp+tls:// or smtps:// and a host")
    return (
        url.hostname,
        url.port or ports[url.scheme],
        unquote(url.username or ""),
        unquote(url.password or ""),
        url.scheme == "smtp+tls",
        url.scheme == "smtps",
    )


def openid_providers() -> list[dict[str, Any]]:
    """The OpenID Connect providers that people may sign in with."""
    issuer = os.environ.get("OIDC_ISSUER", "").strip().rstrip("/")
    asked = (
        (
            ("orcid", "ORCID", "https://orcid.org", ["openid"]),
            os.environ.get("ORCID_CLIENT_ID", "").strip(),
            os.environ.get("ORCID_CLIENT_SECRET", "").strip(),
        ),
        (
            (
                "oidc",
                os.environ.get("OIDC_NAME", "").strip(),
                issuer,
                ["openid", "profile", "email"],
            ),
            os.environ.get("OIDC_CLIENT_ID", "").strip(),
            os.environ.get("OIDC_CLIENT_SECRET", "").strip(),
        ),
    )
    found = []
    for (key, name, server, scope), client, secret in asked:
        if not (client or secret or (key == "oidc" and issuer)):
            continue
        if not (client and secret and server):
            needed = f"{key.upper()}_CLIENT_ID and {key.upper()}_CLIENT_SECRET"
            raise ImproperlyConfigured(f"set {needed}{', and OIDC_ISSUER' * (key == 'oidc')}")
        url = urlsplit(server)
        if url.scheme != "https" and url.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ImproperlyConfigured(f"OIDC_ISSUER is {server!r}; only https can be believed")
        options = {"server_url": server, "scope": scope, "oauth_pkce_enabled": True}
        found.append(
            {
                "provider_id": key,
                "name": name or str(url.hostname),
                "client_id": client,
                "secret": secret,
                "settings": options,
            }
        )
    return found


def needs(package: str, name: str, extra: str = "operate") -> None:
    """Refuse a variable whose optional package is not installed."""
    if importlib.util.find_spec(package) is None:
        raise ImproperlyConfigured(f"{name}: pip install -r requirements-{extra}.txt first")


def storages_of(var: Path, kinds: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Where files of each kind are: a folder of its own in ``var``, or in a bucket.

    Keys, region and address of the bucket are those of boto3's own variables.
    """
    text = os.environ.get("FILES_URL", "").strip()
    if not text:
        local = "django.core.files.storage.FileSystemStorage"
        return {one: {"BACKEND": local, "OPTIONS": {"location": var / one}} for one in kinds}
    url = urlsplit(text)
    if url.scheme != "s3" or not url.netloc or "@" in url.netloc or url.query or url.fragment:
        raise ImproperlyConfigured(
            "FILES_URL: write s3://BUCKET or s3://BUCKET/FOLDER; the rest is said by "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL"
        )
    needs("storages", "FILES_URL", "s3")
    return {
        one: {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": url.netloc,
                "location": f"{url.path}/{one}".lstrip("/"),
                "file_overwrite": True,
                "default_acl": None,
                "signature_version": "s3v4",  # of addresses too: some services know no older one
                "max_memory_size": 2**24,  # bytes of a file that is read; more goes to the disk
            },
        }
        for one in kinds
    }


def secret_key(var: Path, *, read_only: bool) -> str:
    """The signing key: given, or made once and kept with the data, readable by its owner only."""
    if key := os.environ.get("SECRET_KEY", "").strip():
        return key
    path = var / "secret_key"
    if not path.exists():
        if read_only:
            raise ImproperlyConfigured(f"READ_ONLY: {path} is missing; set SECRET_KEY")
        var.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # another process that starts was first
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(64))
    for _ in range(_LOOKS):
        if key := path.read_text().strip():
            return key
        time.sleep(_LOOK_SECONDS)  # it may be at writing
    raise ImproperlyConfigured(f"{path} is empty: put the site's key there, or delete the file")
