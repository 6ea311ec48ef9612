"""JSON by orjson, which writes numpy arrays and is twenty times as fast on vectors as the standard encoder."""

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
    """Negotiation that ignores the Accept header, so that no request fails because of it.

    `format` in a query is the format of a file, not of a DRF renderer.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, str(first.media_type)


def _fallback(value: Any) -> Any:
    # orjson refuses arrays that are not contiguous, and lazily translated strings.
    return value.tolist() if hasattr(value, "tolist") else str(value)
