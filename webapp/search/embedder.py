"""The port to an embedder: a dotted path in Django's setting ``SEARCH_EMBEDDER``, or none."""

from collections.abc import Sequence

from django.conf import settings
from django.utils.module_loading import import_string


def find_embedding(text: str) -> Sequence[float] | None:
    """The text's vector; None when no embedder is named, and the search is lexical only."""
    path: str | None = getattr(settings, "SEARCH_EMBEDDER", None)
    if not path:
        return None
    vectors: Sequence[Sequence[float]] = import_string(path)([text])
    return vectors[0]
