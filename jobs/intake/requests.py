"""From a request in any of its forms (JSON, multipart, raw stream, page) to a `Submission`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import orjson
from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.request import Request as RestRequest

from e1protocol import MODELS, ModelFacts
from jobs.actions import Action, get_action
from jobs.actions.contexts import Context, described, read_contexts
from jobs.actions.numbered import numbered_by_file
from jobs.actions.titles import subject_of
from jobs.contexts.params import with_stored
from jobs.errors import InvalidInput, Problem
from jobs.intake.ingest import BATCH, Request
from jobs.intake.numbering import NumberingUpload, first_sequence, numbering_upload
from jobs.intake.reuse import EarlierItems
from jobs.intake.submit import HashedStream, Records, Submission
from jobs.library.sharing import project_chosen
from jobs.models import Job
from jobs.parsing import ItemReader, ItemRules, asked, open_reader, read_context
from jobs.parsing.asked import Reading, layout_of
from jobs.parsing.bodies import (
    FIELDS,
    check_choices,
    check_request,
    parse_file,
    require_items,
    shared_context,
    unread_fields,
)
from jobs.parsing.context import LAYOUT
from jobs.parsing.text import file_name
from jobs.parsing.upload import LookedAt, Readable, blocks_of, context_bytes
from jobs.queue.lifecycle import check_name
from jobs.web.text import check_text, texts_of

UPLOAD_FIELDS = (*FIELDS, *asked.FIELDS, LAYOUT)
"""Fields of a request with a file: what bare lines are, those of the context too, and the sheet of a workbook."""

NOTHING: Mapping[str, Any] = MappingProxyType({})
AT_HAND = 64 * 1024
"""Bytes of a file in a form from which on its job is stored batch by batch. The form has been received whole."""

Opener = Callable[[HashedStream, ItemRules, tuple[str, ...]], Records]
"""Opens a library: from its bytes, the rules of its items, and their shared context."""


def read_submission(request: RestRequest, known: Mapping[str, Any] = NOTHING) -> Submission:
    """Check everything but the records, and return how to read those. Raises InvalidInput.

    `known` are values of fields that the request leaves out.
    """
    data: Any = request.data
    owner = cast(User, request.user)
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 0 < len(key) <= 255:
        raise InvalidInput("the Idempotency-Key must have 1 to 255 characters", code="bad_idempotency_key")
    if isinstance(data, dict) and "stream" in data and "media_type" in data:
        fields = {name: request.query_params[name] for name in UPLOAD_FIELDS if name in request.query_params}
        name = str(request.query_params.get("filename", ""))
        return submission_of_file(fields, key, data["stream"], name, data["media_type"], owner=owner, known=known)
    if request.content_type and request.content_type.startswith("multipart/"):
        return _of_multipart(request, owner, key, known)
    if not isinstance(data, dict):
        raise InvalidInput.one("bad_body", "the body is not a JSON object")
    check_request(data, known)
    return _of_json(data, owner, key, known)


def _of_multipart(request: RestRequest, owner: User, key: str | None, known: Mapping[str, Any]) -> Submission:
    file, context = request.FILES.get("file"), request.FILES.get("context")
    if file is None:
        raise InvalidInput.one("no_file", "the form has no file", "Send the library in the field `file`.", path="file")
    data: Any = request.data
    fields = {name: str(data[name]) for name in UPLOAD_FIELDS if name in data}
    raw = context_bytes(context) if context is not None else str(data.get("context") or "").encode()
    stream, name, media_type = cast(BinaryIO, file.file), file.name or "", file.content_type or ""
    upload = numbering_upload(data, request.FILES)
    numbered, notes = with_numbering(fields, upload, stream, name, media_type)
    submission = submission_of_file(numbered, key, stream, name, media_type, raw, owner=owner, known=known)
    at_hand = submission.at_hand or (file.size or AT_HAND) < AT_HAND
    return replace(submission, notes=(*notes, *submission.notes), at_hand=at_hand)


def with_numbering(
    fields: Mapping[str, Any], upload: NumberingUpload | None, stream: BinaryIO, filename: str, media_type: str = ""
) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    """Return the fields of a submission with the numbering in a file among `params`, and what is to be said about it.

    Raises InvalidInput.
    """
    if upload is None:
        return fields, ()
    params = fields.get("params") or {}
    params = _json_text(params) if isinstance(params, str) else params
    if not isinstance(params, dict):
        return fields, ()  # `read_request` refuses it.
    action, model = get_action(fields.get("action") or ""), enabled_model(fields.get("model") or "")
    first = partial(first_sequence, stream, action.rules(model), filename, media_type, Reading.of(fields))
    numbered, warnings = numbered_by_file(params, action, model, upload.read, first)
    return {**fields, "params": numbered}, warnings


def submission_of_file(  # noqa: PLR0917 - the parts of an upload, each named at every call
    fields: Mapping[str, Any],
    key: str | None,
    stream: BinaryIO,
    filename: str,
    media_type: str,
    context: bytes = b"",
    *,
    owner: User,
    known: Mapping[str, Any] = NOTHING,
    pasted: bool = False,
) -> Submission:
    """Return the submission of one file, whose records are read when it is submitted. Raises InvalidInput.

    `known` is that of `read_submission`. A file that is itself a request, in JSON, is read here. Text that was `pasted`
    has no name that a job could be called after.
    """
    if isinstance(fields.get("params"), str):
        fields = {**fields, "params": _json_text(fields["params"])}
    looked = LookedAt(stream, filename=filename, media_type=media_type)
    if looked.kind.key == "json":
        return _of_request_file(fields, key, looked, filename, context, owner, known)
    fields, stream = {**known, **fields}, cast(BinaryIO, looked)
    reading = Reading.of(fields)

    def opened(hashed: HashedStream, rules: ItemRules, shared: tuple[str, ...]) -> Records:
        source = cast(BinaryIO, hashed)
        return open_reader(
            source, rules, filename=filename, media_type=media_type, shared_context=shared, reading=reading
        )

    # People recognise a job in the list by the name of its file.
    subject = "" if pasted else file_name(filename)
    request = read_request(fields, owner=owner, key=key, subject=subject)
    return _submission(request, stream, context, opened, context_layout=layout_of(fields, LAYOUT), reading=reading)


def _of_request_file(  # noqa: PLR0917 - private, called once
    fields: Mapping[str, Any],
    key: str | None,
    stream: Readable,
    filename: str,
    context: bytes,
    owner: User,
    known: Mapping[str, Any],
) -> Submission:
    """Return the submission of a file that holds the body of a request, or the list of its items.

    Fields that come with the file are before those in it, as with `e1 submit`.
    """
    given = {name: value for name in FIELDS if (value := fields.get(name)) not in ("", None, {})}
    try:
        body = parse_file(blocks_of(stream))
        check_text(texts_of({name: value for name, value in body.items() if name != "items"}))
        check_request(body, {**known, **given})
    except InvalidInput as error:
        problems = [replace(one, path=one.path if one.path in FIELDS else "file") for one in error.problems]
        raise type(error)(error.detail, code=error.code, problems=problems) from None
    unread = [name for name in given if name in body and body[name] != given[name]]
    unread += ["context_sequences"] * bool(context.strip() and body.get("context_sequences"))
    layout, subject = layout_of(fields, LAYOUT), file_name(filename)
    found = _of_json({**body, **given}, owner, key, known, context, layout, subject=subject)
    return replace(found, notes=(*found.notes, *unread_fields(unread)))


def submission_of_job(
    fields: Mapping[str, Any],
    key: str | None,
    earlier: Job,
    context: bytes = b"",
    *,
    owner: User,
    keep_contexts: bool = True,
) -> Submission:
    """Return the submission of the library of an earlier job, which `owner` may see. Raises InvalidInput."""

    def opened(_hashed: HashedStream, rules: ItemRules, shared: tuple[str, ...]) -> Records:
        return EarlierItems(earlier, rules, shared_context=shared, keep_contexts=keep_contexts)

    # A job's items don't change, so its id and the choice represent them in the digest.
    stream = io.BytesIO(f"{earlier.pk} {keep_contexts}".encode())
    request = read_request(fields, owner=owner, key=key, subject=subject_of(earlier.action, earlier.name))
    return _submission(request, stream, context, opened)


def submission_of_body(data: Mapping[str, Any], key: str | None, *, owner: User) -> Submission:
    """Return the submission of a body that the service itself writes. Raises InvalidInput."""
    return _of_json(data, owner, key, NOTHING)


def _of_json(  # noqa: PLR0917 - private, in the order of a request
    data: Mapping[str, Any],
    owner: User,
    key: str | None,
    known: Mapping[str, Any],
    context: bytes = b"",
    context_layout: str = "",
    *,
    subject: str = "",
) -> Submission:
    """Return the submission of a body; `context` is a file that comes before its context sequences."""
    request = read_request({**known, **data}, owner=owner, key=key, subject=subject)
    items = require_items(data)

    def opened(_hashed: HashedStream, rules: ItemRules, shared: tuple[str, ...]) -> Records:
        return ItemReader(items, rules, strict=False, shared_context=shared)

    shared = shared_context(data)
    if shared and not context.strip():
        context = orjson.dumps(shared)
    found = _submission(request, io.BytesIO(orjson.dumps(items)), context, opened, context_layout=context_layout)
    return replace(found, at_hand=len(items) <= BATCH)


def _submission(
    request: Request,
    stream: BinaryIO,
    context: bytes,
    opened: Opener,
    *,
    context_layout: str = "",
    reading: Reading = Reading(),  # noqa: B008  it is frozen
) -> Submission:
    """Return the submission, whose digest depends on `reading` too."""
    notes: list[Problem] = []
    request, rules, shared = _with_context(request, context, context_layout, notes)
    name = request.name or request.subject
    parts = [request.model, request.action, request.params, name, request.on_invalid, list(shared)]
    parts += [f"project {request.project_id}"] if request.project_id else []
    seed = orjson.dumps([*parts, *reading] if any(reading) else parts, option=orjson.OPT_SORT_KEYS)
    hashed = HashedStream(stream)
    return Submission(
        request, seed, hashed, lambda: opened(hashed, rules, shared), shared, rules.variants, notes=tuple(notes)
    )


def enabled_model(slug: str) -> ModelFacts:
    """Return the facts of an enabled model. Raises InvalidInput `unknown_model`."""
    if slug not in settings.E1_MODELS:
        remedy = f"Choose from {', '.join(settings.E1_MODELS)}."
        if slug in MODELS:
            remedy += f" An administrator serves it with `e1 up --model {slug}`, or in Compose with E1_MODELS."
        raise InvalidInput.one("unknown_model", f"this service has no model {slug!r}", remedy, path="model")
    return MODELS[slug]


def read_request(fields: Mapping[str, Any], *, owner: User, key: str | None, subject: str = "") -> Request:
    """Return the normalised request. Raises InvalidInput that names the wrong field.

    A job without a name is called after `subject`. Context sets that `params.contexts` names, and the project, are open
    to the owner.
    """
    on_invalid = check_choices(fields)
    model, action = enabled_model(fields["model"]), get_action(fields["action"])
    params = fields.get("params")
    if params is not None and not isinstance(params, dict):
        remedy = 'Give one such as {"include": ["mean"]}.'
        raise InvalidInput.one("bad_params", "params is not a JSON object", remedy, path="params")
    name = check_name("" if fields.get("name") is None else fields["name"])
    checked, contexts = checked_params(action, model, params or {}, owner)
    project = project_chosen(owner, fields.get("project"))
    return Request(
        model.slug,
        action.name,
        checked,
        name,
        on_invalid,
        contexts=contexts,
        idempotency_key=key,
        project_id=None if project is None else project.pk,
        subject=check_name(subject),
    )


def checked_params(
    action: Action, model: ModelFacts, params: Mapping[str, Any], owner: User
) -> tuple[dict[str, Any], tuple[Context, ...]]:
    """Return normalised parameters, with `contexts` described, and the contexts themselves. Raises InvalidInput."""
    given = {name: value for name, value in params.items() if name != "contexts"}
    contexts = read_contexts(with_stored(params.get("contexts"), owner), action.rules(model), model)
    checked = action.check_params(given, model)
    return (checked | {"contexts": described(contexts)} if contexts else checked), contexts


def _with_context(
    request: Request, context: bytes, layout: str, notes: list[Problem]
) -> tuple[Request, ItemRules, tuple[str, ...]]:
    """Return the request, the rules of its items, and the context shared by items without one. Raises InvalidInput.

    `layout` and `notes` are those of `read_context`. Items of a long action have no context of their own: `context`
    becomes the only context of the job.
    """
    action, model = get_action(request.action), MODELS[request.model]
    shared: tuple[str, ...] = ()
    if context.strip():
        if request.contexts:
            message = "there is a context for all items, and params.contexts names others"
            raise InvalidInput.one("two_contexts", message, "Give one of the two.", path="params.contexts")
        shared = read_context(context, action.rules(model), layout=layout, notes=notes)
        if action.long:
            request = replace(request, contexts=(shared,), params={**request.params, "contexts": described([shared])})
            shared = ()
    rules = action.rules_under(model, request.params, request.contexts)
    if action.residues_setting:
        rules = replace(rules, max_residues=min(rules.max_residues, getattr(settings, action.residues_setting)))
    return request, rules, shared


def _json_text(text: str) -> Any:
    try:
        return orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        remedy = 'Give text such as {"include": ["mean"]}.'
        raise InvalidInput.one("bad_params", f"params is not JSON: {error.msg}", remedy, path="params") from error
