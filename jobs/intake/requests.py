"""From a request in any of its forms (JSON, multipart, raw stream) to a `Submission`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import orjson
from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.request import Request as RestRequest

from e1protocol import ModelFacts
from jobs.actions import Action, dtypes, get_action
from jobs.actions.base import DTYPE, Context
from jobs.actions.contexts import described, longest_context, read_contexts
from jobs.contexts.params import with_stored
from jobs.errors import InvalidInput
from jobs.intake.ingest import Request
from jobs.intake.reuse import EarlierItems
from jobs.intake.settings import enabled_model
from jobs.intake.submit import HashedStream, Submission
from jobs.models import Job
from jobs.parsing import ItemReader, ItemRules, Reader, open_reader, read_context
from jobs.parsing.upload import context_bytes
from jobs.queue.lifecycle import check_name
from jobs.web.rest.bodies import only_fields

FIELDS = ("model", "action", "params", "name", "on_invalid")
ON_INVALID = ("reject", "skip")


def read_submission(request: RestRequest, known: Mapping[str, Any] = MappingProxyType({})) -> Submission:
    """Check everything but the records, and say how to read those. Raises InvalidInput.

    `known` are fields that hold where the request does not name them.
    """
    data: Any = request.data
    owner = cast(User, request.user)
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= 255:
        raise InvalidInput("the Idempotency-Key must have 1 to 255 characters", code="bad_idempotency_key")
    if isinstance(data, dict) and "stream" in data and "media_type" in data:
        fields = {**known, **{name: request.query_params[name] for name in FIELDS if name in request.query_params}}
        name = str(request.query_params.get("filename", ""))
        return submission_of_file(fields, key, data["stream"], name, data["media_type"], owner=owner)
    if request.content_type and request.content_type.startswith("multipart/"):
        return _of_multipart(request, owner, key, known)
    return _of_json(data, owner, key, known)


def _of_multipart(request: RestRequest, owner: User, key: str | None, known: Mapping[str, Any]) -> Submission:
    file = request.FILES.get("file")
    if file is None:
        raise InvalidInput.one("no_file", "the form has no file", "Send the library in the field `file`.", path="file")
    data: Any = request.data
    fields = {**known, **{name: str(data[name]) for name in FIELDS if name in data}}
    context = request.FILES.get("context")
    text = data.get("context") if context is None else None
    raw = context_bytes(context) if context is not None else str(text or "").encode()
    stream, name, media_type = cast(BinaryIO, file.file), file.name or "", file.content_type or ""
    return submission_of_file(fields, key, stream, name, media_type, raw, owner=owner)


def submission_of_file(  # noqa: PLR0917 - the parts of an upload, each named at every call
    fields: Mapping[str, Any],
    key: str | None,
    stream: BinaryIO,
    filename: str,
    media_type: str,
    context: bytes = b"",
    *,
    owner: User,
) -> Submission:
    """The submission of one file, whose records are read when it is submitted. Raises InvalidInput."""
    if isinstance(fields.get("params"), str):
        fields = {**fields, "params": _json_text(fields["params"])}
    if not fields.get("name"):
        # A list of jobs is read by the names of their files.
        fields = {**fields, "name": "".join(letter for letter in filename if letter.isprintable())[:200]}
    model, action, request = read_request(fields, owner=owner, key=key)
    request, rules, shared = _with_context(request, action, model, context)
    hashed = HashedStream(stream)

    def read() -> Reader:
        source = cast(BinaryIO, hashed)
        return open_reader(source, rules, filename=filename, media_type=media_type, shared_context=shared)

    return _submission(request, hashed, cast(Callable[[], Any], read), shared, rules)


def submission_of_job(
    fields: Mapping[str, Any], key: str | None, earlier: Job, context: bytes = b"", *, keep_contexts: bool = True
) -> Submission:
    """The submission of the library of an earlier job of the same owner. Raises InvalidInput."""
    model, action, request = read_request(fields, owner=earlier.owner, key=key)
    request, rules, shared = _with_context(request, action, model, context)
    # The items of a job stay as they are: its id and the choice stand for them.
    stream = HashedStream(io.BytesIO(f"{earlier.pk} {keep_contexts}".encode()))
    return _submission(
        request,
        stream,
        lambda: EarlierItems(earlier, rules, shared_context=shared, keep_contexts=keep_contexts),
        shared,
        rules,
    )


def _of_json(data: Any, owner: User, key: str | None, known: Mapping[str, Any]) -> Submission:
    if not isinstance(data, dict):
        raise InvalidInput.one("bad_body", "the body is no JSON object")
    only_fields(data, (*FIELDS, "items", "context_sequences"))
    model, action, request = read_request({**known, **data}, owner=owner, key=key)
    items = require_items(data)
    context = orjson.dumps(data["context_sequences"]) if data.get("context_sequences") else b""
    request, rules, shared = _with_context(request, action, model, context)
    hashed = HashedStream(io.BytesIO(orjson.dumps(items)))
    return _submission(
        request, hashed, lambda: cast(Any, ItemReader(items, rules, strict=False, shared_context=shared)), shared, rules
    )


def require_items(data: Mapping[str, Any]) -> list[Any]:
    """The field `items`: a list with at least one entry."""
    items = data.get("items")
    if not isinstance(items, list) or not items:
        found = "missing" if items is None else ("empty" if items == [] else "no list")
        raise InvalidInput.one(
            "no_items", f"items is {found}", 'Give a list such as [{"sequence": "MKT"}].', path="items"
        )
    return items


def _submission(
    request: Request, hashed: HashedStream, read: Callable[[], Any], shared: tuple[str, ...], rules: ItemRules
) -> Submission:
    seed = orjson.dumps(
        [request.model, request.action, _chosen(request.params), request.name, request.on_invalid, list(shared)],
        option=orjson.OPT_SORT_KEYS,
    )
    return Submission(request, seed, hashed, read, shared, rules.variants.hint if rules.variants else None)


def _chosen(params: Mapping[str, Any]) -> dict[str, Any]:
    """Without the default of a parameter that came later: a request repeated across that upgrade is the same one."""
    return {name: value for name, value in params.items() if (name, value) != (DTYPE, dtypes.DEFAULT)}


def read_request(fields: Mapping[str, Any], *, owner: User, key: str | None) -> tuple[ModelFacts, Action, Request]:
    """Model, action and the normalised request. Raises InvalidInput that names each wrong field.

    Context sets that `params.contexts` names are the owner's.
    """
    for name in ("model", "action"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise InvalidInput.one("missing_field", f"the field {name} is missing", path=name)
    model = enabled_model(fields["model"])
    action = get_action(fields["action"])
    params = fields.get("params")
    if params is not None and not isinstance(params, dict):
        raise InvalidInput.one(
            "bad_params", "params is no JSON object", 'Give one such as {"include": ["mean"]}.', path="params"
        )
    on_invalid = fields.get("on_invalid") or "reject"
    if on_invalid not in ON_INVALID:
        raise InvalidInput.one(
            "bad_on_invalid", f"on_invalid is {on_invalid!r}", "Choose reject or skip.", path="on_invalid"
        )
    name = check_name(fields.get("name") or "")
    checked, contexts = checked_params(action, model, params or {}, owner)
    request = Request(
        model=model.slug,
        action=action.name,
        params=checked,
        contexts=contexts,
        name=name,
        on_invalid=on_invalid,
        idempotency_key=key,
    )
    return model, action, request


def checked_params(
    action: Action, model: ModelFacts, params: Mapping[str, Any], owner: User
) -> tuple[dict[str, Any], tuple[Context, ...]]:
    """Normalised parameters with `contexts` described, and the contexts themselves. Raises InvalidInput."""
    given = {name: value for name, value in params.items() if name != "contexts"}
    contexts = read_contexts(with_stored(params.get("contexts"), owner), action.rules(model), model)
    checked = action.check_params(given, model)
    return (checked | {"contexts": described(contexts)} if contexts else checked), contexts


def _with_context(
    request: Request, action: Action, model: ModelFacts, context: bytes
) -> tuple[Request, ItemRules, tuple[str, ...]]:
    """The request, the rules of its items, and the context that items without their own share. Raises InvalidInput.

    Items of long actions have none of their own: theirs is the one context of the job.
    """
    if not context.strip():
        return request, item_rules(action, model, request), ()
    if request.contexts:
        message = "there is a context for all items, and params.contexts names others"
        raise InvalidInput.one("two_contexts", message, "Give one of the two.", path="params.contexts")
    shared = read_context(context, action.rules(model))
    if action.long:
        request = replace(request, contexts=(shared,), params={**request.params, "contexts": described([shared])})
        return request, item_rules(action, model, request), ()
    return request, item_rules(action, model, request), shared


def item_rules(action: Action, model: ModelFacts, request: Request) -> ItemRules:
    """What an item of this request may look like: the action's rules, less what the job's contexts take of the
    network, and what this service allows.
    """
    rules = action.rules_for(model, request.params)
    if request.contexts:
        rules = replace(rules, context_allowed=False, max_tokens=rules.max_tokens - longest_context(request.contexts))
    if action.residues_setting:
        rules = replace(rules, max_residues=min(rules.max_residues, getattr(settings, action.residues_setting)))
    return rules


def _json_text(text: str) -> Any:
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        raise InvalidInput.one(
            "bad_params", f"params is not JSON: {error.msg}", 'Give text such as {"include": ["mean"]}.', path="params"
        ) from error
