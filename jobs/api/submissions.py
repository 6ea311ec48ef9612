"""From a request in any of its forms (JSON, multipart, raw stream) to a `Submission`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import orjson
from django.conf import settings
from rest_framework.request import Request as RestRequest

from jobs.actions import Action, get_action
from jobs.errors import InvalidInput, Problem
from jobs.limits import MAX_CONTEXT_FILE
from jobs.models import Job
from jobs.parsing import ItemReader, Reader, open_reader, read_context
from jobs.services.intake import Request
from jobs.services.lifecycle import check_name
from jobs.services.reuse import EarlierItems
from jobs.services.submit import HashedStream, Submission
from worker.protocol import MODELS, ModelFacts

FIELDS = ("model", "action", "params", "name", "on_invalid")
ON_INVALID = ("reject", "skip")


def read_submission(request: RestRequest, known: Mapping[str, Any] = MappingProxyType({})) -> Submission:
    """Check everything but the records, and say how to read those. Raises InvalidInput.

    `known` are fields that hold where the request does not name them.
    """
    data: Any = request.data
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= 255:
        raise InvalidInput("the Idempotency-Key must have 1 to 255 characters", code="bad_idempotency_key")
    if isinstance(data, dict) and "stream" in data and "media_type" in data:
        fields = {**known, **{name: request.query_params[name] for name in FIELDS if name in request.query_params}}
        return submission_of_file(
            fields, key, data["stream"], str(request.query_params.get("filename", "")), data["media_type"]
        )
    if request.content_type and request.content_type.startswith("multipart/"):
        return _of_multipart(request, key, known)
    return _of_json(data, key, known)


def _of_multipart(request: RestRequest, key: str | None, known: Mapping[str, Any]) -> Submission:
    file = request.FILES.get("file")
    if file is None:
        raise InvalidInput.of(
            Problem("no_file", "the form has no file", "Send the library in the field `file`.", path="file")
        )
    data: Any = request.data
    fields = {**known, **{name: str(data[name]) for name in FIELDS if name in data}}
    context = request.FILES.get("context")
    text = data.get("context") if context is None else None
    raw = context_bytes(context) if context is not None else str(text or "").encode()
    return submission_of_file(fields, key, cast(BinaryIO, file.file), file.name or "", file.content_type or "", raw)


def context_bytes(file: Any) -> bytes:
    """The content of an uploaded context file; raises InvalidInput `context_file_too_large`."""
    if file.size > MAX_CONTEXT_FILE:
        problem = Problem(
            "context_file_too_large", f"the context file is larger than {MAX_CONTEXT_FILE} bytes", path="context"
        )
        raise InvalidInput.of(problem)
    return cast(bytes, file.read())


def submission_of_file(  # noqa: PLR0917 - the parts of an upload, each named at every call
    fields: Mapping[str, Any],
    key: str | None,
    stream: BinaryIO,
    filename: str,
    media_type: str,
    context: bytes = b"",
) -> Submission:
    """The submission of one file, whose records are read when it is submitted. Raises InvalidInput."""
    if isinstance(fields.get("params"), str):
        fields = {**fields, "params": _json_text(fields["params"])}
    if not fields.get("name"):
        # A list of jobs is read by the names of their files.
        fields = {**fields, "name": "".join(letter for letter in filename if letter.isprintable())[:200]}
    model, action, request = read_request(fields, key=key)
    rules = action.rules(model)
    shared = read_context(context, rules) if context.strip() else ()
    hashed = HashedStream(stream)

    def read() -> Reader:
        source = cast(BinaryIO, hashed)
        return open_reader(source, rules, filename=filename, media_type=media_type, shared_context=shared)

    return _submission(request, hashed, cast(Callable[[], Any], read), shared)


def submission_of_job(
    fields: Mapping[str, Any], key: str | None, earlier: Job, context: bytes = b"", *, keep_contexts: bool = True
) -> Submission:
    """The submission of the library of an earlier job of the same owner. Raises InvalidInput."""
    model, action, request = read_request(fields, key=key)
    rules = action.rules(model)
    shared = read_context(context, rules) if context.strip() else ()
    # The items of a job stay as they are: its id and the choice stand for them.
    stream = HashedStream(io.BytesIO(f"{earlier.pk} {keep_contexts}".encode()))
    return _submission(
        request,
        stream,
        lambda: EarlierItems(earlier, rules, shared_context=shared, keep_contexts=keep_contexts),
        shared,
    )


def _of_json(data: Any, key: str | None, known: Mapping[str, Any]) -> Submission:
    if not isinstance(data, dict):
        raise InvalidInput.of(Problem("bad_body", "the body is no JSON object"))
    unknown = [name for name in data if name not in (*FIELDS, "items", "context_sequences")]
    if unknown:
        allowed = f"Choose from {', '.join((*FIELDS, 'items', 'context_sequences'))}."
        raise InvalidInput.of(*(Problem("unknown_field", f"there is no field {n!r}", allowed, path=n) for n in unknown))
    model, action, request = read_request({**known, **data}, key=key)
    rules = action.rules(model)
    items = require_items(data)
    shared: tuple[str, ...] = ()
    if data.get("context_sequences"):
        shared = read_context(orjson.dumps(data["context_sequences"]), rules)
    hashed = HashedStream(io.BytesIO(orjson.dumps(items)))
    return _submission(
        request, hashed, lambda: cast(Any, ItemReader(items, rules, strict=False, shared_context=shared)), shared
    )


def require_items(data: Mapping[str, Any]) -> list[Any]:
    """The field `items`: a list with at least one entry."""
    items = data.get("items")
    if not isinstance(items, list) or not items:
        found = "missing" if items is None else ("empty" if items == [] else "no list")
        raise InvalidInput.of(
            Problem("no_items", f"items is {found}", 'Give a list such as [{"sequence": "MKT"}].', path="items")
        )
    return items


def _submission(request: Request, hashed: HashedStream, read: Callable[[], Any], shared: tuple[str, ...]) -> Submission:
    seed = orjson.dumps(
        [request.model, request.action, dict(request.params), request.name, request.on_invalid, list(shared)],
        option=orjson.OPT_SORT_KEYS,
    )
    return Submission(request, seed, hashed, read, shared)


def read_request(fields: Mapping[str, Any], *, key: str | None) -> tuple[ModelFacts, Action, Request]:
    """Model, action and the normalised request. Raises InvalidInput that names each wrong field."""
    for name in ("model", "action"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise InvalidInput.of(Problem("missing_field", f"the field {name} is missing", path=name))
    model = enabled_model(fields["model"])
    action = get_action(fields["action"])
    params = fields.get("params")
    if params is not None and not isinstance(params, dict):
        raise InvalidInput.of(
            Problem("bad_params", "params is no JSON object", 'Give one such as {"include": ["mean"]}.', path="params")
        )
    on_invalid = fields.get("on_invalid") or "reject"
    if on_invalid not in ON_INVALID:
        raise InvalidInput.of(
            Problem("bad_on_invalid", f"on_invalid is {on_invalid!r}", "Choose reject or skip.", path="on_invalid")
        )
    name = check_name(fields.get("name") or "")
    request = Request(
        model=model.slug,
        action=action.name,
        params=action.check_params(params or {}, model),
        name=name,
        on_invalid=on_invalid,
        idempotency_key=key,
    )
    return model, action, request


def enabled_model(slug: str) -> ModelFacts:
    """The facts of an enabled model; raises InvalidInput `unknown_model`."""
    if slug not in settings.E1_MODELS:
        raise InvalidInput.of(
            Problem(
                "unknown_model",
                f"this service has no model {slug!r}",
                f"Choose from {', '.join(settings.E1_MODELS)}.",
                path="model",
            )
        )
    return MODELS[slug]


def _json_text(text: str) -> Any:
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        raise InvalidInput.of(
            Problem(
                "bad_params",
                f"params is not JSON: {error.msg}",
                'Give text such as {"include": ["mean"]}.',
                path="params",
            )
        ) from error
