"""Named contexts: stored once by digest, in order, seen by their owner only."""

from __future__ import annotations

import pytest

from jobs.errors import Conflict, InvalidInput, NotFound
from jobs.models import Context, ContextSet
from jobs.selectors_contexts import context_set_of, context_set_sequences
from jobs.services.context_sets import context_set_create, context_set_delete

pytestmark = pytest.mark.django_db

FIRST, SECOND = ("MKTAYIAKQR", "MKTAYLAKQR"), ("MRTAYIAKQK",)


def test_a_set_keeps_its_order_and_each_context_once(person):
    made = context_set_create(owner=person, name="family-1", contexts=[SECOND, FIRST, SECOND], provenance={"a": 1})
    assert context_set_sequences(person, "family-1") == [SECOND, FIRST, SECOND]
    assert made.provenance == {"a": 1}
    assert Context.objects.filter(owner=person).count() == 2
    context_set_create(owner=person, name="family-2", contexts=[FIRST], provenance={})
    assert Context.objects.filter(owner=person).count() == 2


def test_the_same_again_is_the_same_set_and_another_one_is_refused(person):
    made = context_set_create(owner=person, name="x", contexts=[FIRST], provenance={})
    assert context_set_create(owner=person, name="x", contexts=[FIRST], provenance={}).pk == made.pk
    with pytest.raises(Conflict, match="with other contexts") as refused:
        context_set_create(owner=person, name="x", contexts=[SECOND], provenance={})
    assert refused.value.code == "context_set_exists"
    assert context_set_sequences(person, "x") == [FIRST]


def test_sets_belong_to_their_owner(person, stranger):
    context_set_create(owner=person, name="x", contexts=[FIRST], provenance={})
    with pytest.raises(NotFound):
        context_set_of(stranger, "x")
    with pytest.raises(InvalidInput) as unknown:
        context_set_sequences(stranger, "x", path="params.contexts.0.set")
    assert (unknown.value.code, unknown.value.problems[0].path) == ("unknown_context_set", "params.contexts.0.set")
    assert not context_set_delete(owner=stranger, name="x")
    assert context_set_delete(owner=person, name="x")
    assert not ContextSet.objects.exists()


@pytest.mark.parametrize("name", ["", "a b", "ä", "../x", "-x", "x" * 101, None, "a\n"])
def test_names_that_do_not_fit_into_an_address(person, name):
    with pytest.raises(InvalidInput) as refused:
        context_set_create(owner=person, name=name, contexts=[FIRST], provenance={})
    assert refused.value.code == "bad_name"


@pytest.mark.parametrize(
    ("contexts", "code", "path"),
    [
        ([], "no_contexts", "contexts"),
        ([FIRST] * 65, "too_many_contexts", "contexts"),
        ([FIRST, ()], "empty_context", "contexts.1"),
        ([("MKT", "")], "empty_context", "contexts.0.1"),
        ([("MKT", "MK-T")], "bad_letter", "contexts.0.1"),
        ([("MK?T",)], "mask_in_context", "contexts.0.0"),
        ([("M",) * 512], "too_many_contexts", "contexts.0"),
        ([("A" * 8189,)], "sequence_too_long", "contexts.0.0"),
        ([("A" * 8180,) * 9], "context_too_long", "contexts.0"),
    ],
)
def test_contexts_that_no_network_could_read(person, contexts, code, path):
    with pytest.raises(InvalidInput) as refused:
        context_set_create(owner=person, name="x", contexts=contexts, provenance={})
    assert (refused.value.code, refused.value.problems[0].path) == (code, path)
    assert not ContextSet.objects.exists()


def test_a_person_with_sets_can_be_removed(person):
    context_set_create(owner=person, name="x", contexts=[FIRST], provenance={})
    person.delete()
    assert not Context.objects.exists()
