"""The body of every error of the REST interface.

The pattern of a feature: FEATURE/serializers.py declares its bodies as `jobs.web.rest.fields.Shape`. The same class
documents a body in the OpenAPI document (`extend_schema`) and renders it: `Response(WebhookBody(webhook).data)`.
Sources and the fields of `jobs.web.rest.fields` reach what is not an attribute of the object.

Lists of thousands of rows stay dictionaries: a thousand items take 1 ms that way, and 67 ms as serializers. Services
refuse input by `ServiceError`, not by errors of serializers, because the codes are part of the contract.
`jobs.web.rest.errors` maps a ServiceError to ErrorBody.
"""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.web.rest.fields import Shape


class OfferBody(Shape):
    """A way out of a refusal: the same request with `field` set to `value`."""

    field = s.CharField()
    value = s.CharField()
    label = s.CharField()  # type: ignore[assignment]  # Field has an attribute of this name


class ProblemBody(Shape):
    code = s.CharField(help_text="Stable word for programs.")
    message = s.CharField()
    remedy = s.CharField(required=False)
    path = s.CharField(required=False, help_text="Field of a JSON body, such as items.3.sequence.")
    line = s.IntegerField(required=False)
    column = s.IntegerField(required=False)
    record = s.CharField(required=False)
    index = s.IntegerField(required=False)
    character = s.CharField(required=False)
    offers = OfferBody(many=True, required=False, help_text="Ways out that a program can offer.")


class ErrorBody(Shape):
    detail = s.CharField()
    code = s.CharField()
    status_code = s.IntegerField()
    errors = ProblemBody(many=True)  # type: ignore[assignment]  # the field's name is part of the published contract
    errors_total = s.IntegerField(required=False, help_text="If more problems were found than are listed.")
    job = s.CharField(required=False, help_text="The job's URL if the answer takes longer than the wait limit.")
