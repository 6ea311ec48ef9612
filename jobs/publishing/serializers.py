"""Bodies of the REST interface about public links."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.publishing.links import LONGEST_DAYS
from jobs.web.rest.fields import Shape


class PublicLinkState(Shape):
    public = s.BooleanField(help_text="Whether everybody with the link can read it now.")
    created_at = s.DateTimeField(allow_null=True)
    expires_at = s.DateTimeField(allow_null=True, help_text="Null: the link has no end.")
    shows = s.ListField(child=s.CharField(), help_text="What everybody with a link sees, in sentences.")
    leaves_out = s.ListField(child=s.CharField(), help_text="What a link does not show, in sentences.")


class PublicLinkSubmission(Shape):
    days = s.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LONGEST_DAYS, help_text="Without it, it has no end."
    )


class PublicLinkBody(PublicLinkState):
    url = s.CharField(help_text="The link. Only this answer shows it.")
