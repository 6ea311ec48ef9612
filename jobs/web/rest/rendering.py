"""JSON by orjson: numpy arrays included, twenty times as fast as the standard encoder on vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data, option=OPTIONS, default=_fallback)


class OneKind(DefaultContentNegotiation):
    """Every address answers in one kind, whatever is asked for: nothing is refused for its Accept header, and `format`
    in a query is a file's format and nothing of DRF's.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, str(first.media_type)


def _fallback(value: Any) -> Any:
    """Views of stored bytes are not always contiguous; lazily translated strings are no str."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
