"""Serializers whose fields both document an answer and render it."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from django.urls import reverse
from rest_framework import serializers as s


class Shape(s.Serializer):  # type: ignore[type-arg]
    """A body of the REST interface, rendered from the attributes of an object or the keys of a dictionary.

    An optional field without a value is left out of the body.
    """

    def to_representation(self, instance: Any) -> dict[str, Any]:
        body = super().to_representation(instance)
        return {name: value for name, value in body.items() if self.fields[name].required or value not in (None, "")}


class ListPage(Shape):
    """One page of a list; a subclass adds `results`."""

    next = s.CharField(allow_null=True)
    previous = s.CharField(allow_null=True)


class Url(s.CharField):
    """The address of a view whose arguments are attributes of the object, or null if one of them is None."""

    def __init__(self, view: str, *arguments: str, **options: Any) -> None:
        super().__init__(source="*", **options)
        self._view, self._arguments = view, arguments

    def to_representation(self, value: Any) -> str | None:  # type: ignore[override]  # the base has no null
        arguments = [attrgetter(name)(value) for name in self._arguments]
        return None if None in arguments else reverse(self._view, args=arguments)


class Share(s.FloatField):
    """A share from 0 to 1, rounded to a thousandth."""

    def to_representation(self, value: Any) -> Any:
        return round(value, 3)


class Rows(s.ListField):
    """A list that may be long. The JSON renderer takes its rows as they are, arrays and dataclasses included."""

    def to_representation(self, data: Any) -> Any:
        return data
