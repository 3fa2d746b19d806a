"""Settings of the tests: jobs run in place, cheap password hashes, a database of their own."""

from __future__ import annotations

import os
import tempfile

# Each worker of xdist has a database of its own, so its files, named by keys, are its own too.
if "PYTEST_XDIST_WORKER" in os.environ or "SPECTRADB_VAR" not in os.environ:
    os.environ["SPECTRADB_VAR"] = tempfile.mkdtemp(prefix="spectradb-test-")

from spectradb.settings import *  # noqa: F403
from spectradb.settings import Q_CLUSTER as _Q_CLUSTER
from spectradb.settings import STORAGES as _STORAGES

Q_CLUSTER = _Q_CLUSTER | {"sync": True}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = _STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
ALLOWED_HOSTS = ["*"]
