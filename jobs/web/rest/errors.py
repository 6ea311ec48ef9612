"""The mapping of exceptions in REST to the error body."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions
from rest_framework.response import Response

from jobs.errors import InvalidInput, NotFound, Problem, ServiceError, TooLarge, TooSlow, WrongMediaType
from jobs.web.errors import store_failed

log = logging.getLogger(__name__)

REST_CODES = {
    "not_authenticated": "Give a token: `Authorization: Token KEY`, or log in.",
    "authentication_failed": "The token is not known, or was revoked or expired. Make a new one.",
}


JSON, MULTIPART = "application/json", "multipart/form-data"


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return a response for a refusal, None for a bug, which stays a 500 (a hook of DRF)."""
    if isinstance(error, exceptions.UnsupportedMediaType):
        return _response(_wrong_media_type(error, context))
    translated = _translate(error)
    if translated is not None:
        return _response(translated)
    if not isinstance(error, exceptions.APIException):
        return None
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    code = error.get_codes() if isinstance(error.detail, str) else error.default_code
    detail = str(error.detail)
    if isinstance(code, str) and code in REST_CODES:
        detail = f"{detail} {REST_CODES[code]}"
    body = {"detail": detail, "code": code, "status_code": error.status_code, "errors": []}
    return Response(body, status=error.status_code, headers=headers)


def _translate(error: Exception) -> ServiceError | None:
    if isinstance(error, ServiceError):
        return error
    if failed := store_failed(error):
        log.error("%s: %s", failed.detail, error)
        return failed
    if isinstance(error, Http404):
        return NotFound("there is nothing at this address, or it is not yours")
    return _of_body(error)


def _wrong_media_type(error: exceptions.UnsupportedMediaType, context: dict[str, Any]) -> WrongMediaType:
    """Return an error that names the kinds this address reads. By default, `curl --data-binary` announces a form."""
    request, taken = context["request"], [one.media_type for one in context["view"].parser_classes]
    sent = (request.content_type or "").partition(";")[0][:100] or "none"
    detail = f"the body's Content-Type is {sent}, which is not read here"
    remedy = f"Name the kind of the body in the header Content-Type, one of: {', '.join(dict.fromkeys(taken))}."
    raw = sorted((one for one in taken if one != MULTIPART), key=JSON.__eq__)  # a file before JSON
    remedy += f" With curl, for instance: -H 'Content-Type: {raw[0]}'." if raw else " With curl: -F file=@FILE."
    return WrongMediaType(detail, problems=[Problem("unsupported_media_type", detail, remedy)])


def _of_body(error: Exception) -> ServiceError | None:
    """Return the error of a body that could not be received or split into fields."""
    if isinstance(error, RequestDataTooBig):
        return TooLarge("the body is larger than this service takes; split it, or upload the library as a file")
    if isinstance(error, UnreadablePostError):
        return TooSlow("the body did not arrive in time, or broke off; nothing was queued")
    if isinstance(error, MultiPartParserError):
        return InvalidInput(f"the multipart body cannot be read: {error}", code="bad_multipart")
    if isinstance(error, TooManyFilesSent | TooManyFieldsSent):
        return InvalidInput("the form has too many fields or files", code="bad_multipart")
    return None


def _response(error: ServiceError) -> Response:
    return Response(error.as_dict(), status=error.status_code, headers=error.headers)
