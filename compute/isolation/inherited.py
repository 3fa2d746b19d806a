"""What a process for strangers' data inherits: neither key, database nor account."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET = re.compile(
    r"SECRET|PASS|_PWD$|TOKEN|KEY|CREDENTIAL|_URL$|_DSN$|^PG|^AWS_|^DJANGO_|^SPECTRADB_|^SENTRY"
    r"|^EMAIL_",
    re.IGNORECASE,
)


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables but those whose names are of keys, databases and accounts."""
    return {name: value for name, value in environment.items() if not _SECRET.search(name)}
