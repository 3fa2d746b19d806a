"""What was here and is no more, with words for the reader."""

from __future__ import annotations

from django.http import Http404


class Ended(Http404):  # noqa: N818  (as Django's own)
    """Shown on the page of 404; words of any other are for the log alone."""
