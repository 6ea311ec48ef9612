"""Parsers of request bodies: JSON (also gzip), multipart to disk, raw uploads as streams."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import chain
from typing import Any, BinaryIO, cast

from django.conf import settings
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser

from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.limits import JSON_RATIO_FROM, MAX_JSON_RATIO, MAX_UPLOAD_BODY
from jobs.parsing.bodies import parse_body
from jobs.parsing.numbers import whole
from jobs.web.text import check_text, texts_of
from jobs.web.uploads import HELD, is_small, request_place

BLOCK = 1 << 16


class CountedBody:
    """A body with its announced length, because the server ends a broken upload like a complete one."""

    def __init__(self, stream: BinaryIO, expected: int) -> None:
        self._stream = stream
        self._expected = expected
        self.received = 0

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.received += len(block)
        if not block and size != 0:
            self.check_whole()
        return block

    def check_whole(self) -> None:
        """Raise InvalidInput `upload_incomplete` if bytes are missing."""
        if self.received < self._expected:
            raise InvalidInput(
                f"the upload broke off: {self.received} of {self._expected} bytes arrived; nothing was queued",
                code="upload_incomplete",
            )


def counted_body(stream: Any, context: Mapping[str, Any] | None) -> CountedBody:
    """Return the body with its announced length. Raises InvalidInput `length_required`, TooLarge."""
    meta = context["request"].META if context else {}
    length = str(meta.get("CONTENT_LENGTH") or "")
    size = whole(length)
    if size is None:
        remedy = "Send the body with its length, not chunked."
        raise InvalidInput.one("length_required", "the request has no Content-Length", remedy)
    if size > MAX_UPLOAD_BODY:
        what = f"the body has {size:,} bytes, and the limit is {MAX_UPLOAD_BODY:,}"
        raise TooLarge.one("upload_too_large", what, "Split it into several jobs.")
    return CountedBody(cast(BinaryIO, stream), size)


class JsonBodyParser(BaseParser):
    """A parser of JSON objects, plain or gzip. They are held in memory, so their size is limited.

    A body that is not small takes an upload place while it arrives. Raises TooManyRequests `too_many_uploads`.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        body = counted_body(stream, parser_context)
        request = parser_context["request"] if parser_context else None
        encoding = request.META.get("HTTP_CONTENT_ENCODING", "") if request else ""
        with _place_of(request):
            data = _read_limited(body, gzipped=encoding.strip().lower() == "gzip")
            body.check_whole()
        if encoding.strip().lower() not in ("", "gzip", "identity"):
            raise InvalidInput(f"Content-Encoding {encoding!r} is not known; use gzip or none", code="bad_encoding")
        return parse_object(data)


def _place_of(request: Any) -> AbstractContextManager[None]:
    # Don't touch request.user here: CSRF checking may read the body. A session has taken its upload place already, in
    # `jobs.web.uploads.FormPlaces`.
    if request is None or is_small(request.META.get("CONTENT_LENGTH")) or request.META.get(HELD) is not None:
        return nullcontext()
    return request_place(request, request.user.pk)


def parse_object(data: bytes) -> dict[str, Any]:
    """Return a JSON object from bytes. Raises InvalidInput with the line and column, or the path, of the error."""
    value = parse_body(data)
    if rb"\u0000" in data:
        check_text(texts_of(value))
    return value


def _read_limited(body: CountedBody, *, gzipped: bool) -> bytes:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    inflate = zlib.decompressobj(wbits=31) if gzipped else None
    parts: list[bytes] = []
    size = 0
    while block := body.read(BLOCK):
        # Reading on behind the end would keep all of it, and copy it for each block.
        if inflate and inflate.eof:
            raise _second_member()
        try:
            part = inflate.decompress(block, limit + 1) if inflate else block
        except zlib.error as error:
            raise InvalidInput(f"the gzip body is damaged: {error}", code="bad_gzip") from error
        if inflate and inflate.unused_data:
            raise _second_member()
        size += len(part)
        parts.append(part)
        if inflate and size > JSON_RATIO_FROM and size > body.received * MAX_JSON_RATIO:
            what = f"the gzip body unpacks to more than {MAX_JSON_RATIO} times its size"
            raise TooLarge.of(Problem("gzip_ratio", what, "Send it unpacked if it is genuine."))
        if size > limit or (inflate and inflate.unconsumed_tail):
            raise TooLarge(
                f"the JSON body is larger than {limit} bytes; upload the library as a file (FASTA, JSONL, CSV) instead"
            )
    if inflate and not inflate.eof:
        raise InvalidInput("the gzip body ends too early", code="truncated_gzip")
    return b"".join(parts)


def _second_member() -> InvalidInput:
    what = "the gzip body has several members, or other bytes follow its end"
    remedy = "Pack the whole body as one member, with nothing after it, or send it unpacked."
    return InvalidInput.one("bad_gzip", what, remedy)


class MultipartBodyParser(MultiPartParser):
    """A parser of forms that writes files to disk as they arrive, and refuses a body that breaks off."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> DataAndFiles[Any, Any]:
        body = counted_body(stream, parser_context)
        parsed: DataAndFiles[Any, Any] = super().parse(cast(Any, body), media_type, parser_context)
        with ExitStack() as refused:
            # No view sees the files of a refused form, so they are closed here.
            for file in chain.from_iterable(files for _, files in parsed.files.lists()):
                refused.callback(file.close)
            while body.read(BLOCK):
                pass
            body.check_whole()
            check_text((name, text) for name, texts in parsed.data.lists() for text in texts)
            refused.pop_all()
        return parsed


def stream_parser(kind: str) -> type[BaseParser]:
    """Return a parser of raw uploads of this media type that hands the stream to the view."""

    class StreamBodyParser(BaseParser):
        media_type = kind

        def parse(
            self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
        ) -> Any:
            return {"stream": counted_body(stream, parser_context), "media_type": media_type or kind}

    return StreamBodyParser


WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CsvBodyParser = stream_parser("text/csv")
WorkbookBodyParser = stream_parser(WORKBOOK)
STREAMED = [
    stream_parser("text/x-fasta"),
    CsvBodyParser,
    WorkbookBodyParser,
    *map(stream_parser, ("application/x-ndjson", "text/plain", "application/gzip", "application/octet-stream")),
]
