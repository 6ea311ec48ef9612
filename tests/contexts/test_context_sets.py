"""Named contexts: stored once by digest, in order, visible to their owner only."""

from __future__ import annotations

import orjson
import pytest

from jobs.alignments.draws import context_set_sample
from jobs.alignments.services import alignment_store
from jobs.contexts.params import with_stored
from jobs.contexts.selectors import context_set_of, context_set_sequences
from jobs.contexts.services import context_digest, context_set_create, context_set_delete
from jobs.errors import Conflict, InvalidInput, NotFound
from jobs.models import Context, ContextSet, Job
from jobs.science.alignments.reading import read_alignment
from jobs.science.alignments.sampling import Sampler, Sampling

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


ALIGNMENT = b">parent\nMKTAYIAK\n>a\nMKTSYIAK\n>b\nMRTAYLAK\n>c\nMRSAYLGK\n"


def rows_of(api, url):
    return [orjson.loads(line) for line in b"".join(api.get(url).streaming_content).splitlines()]


@pytest.mark.parametrize("action", ["score", "log_prob"])
def test_a_job_under_a_sampled_set_keeps_its_contexts(api, person, inline_worker, action):
    rows = read_alignment(ALIGNMENT)
    stored = alignment_store(owner=person, name="family", source="upload", rows=rows)
    drawn = [Sampler(rows).draw(Sampling(20, seed=seed)) for seed in range(3)]
    context_set_sample(owner=person, name="sampled", alignment=stored, drawn=drawn, preset=None, seed=0)
    params = {"parent": rows.parent} if action == "score" else {}
    items = [{"variant": "A4S"}] if action == "score" else [{"sequence": rows.parent}]
    answers = []
    for contexts in ([{"set": "sampled"}], [list(one.sequences) for one in drawn]):
        body = {"model": "e1-demo", "action": action, "params": params | {"contexts": contexts}, "items": items}
        answers.append(api.post("/api/jobs/", body, format="json"))
        assert answers[-1].status_code == 202, answers[-1].content
    assert [one["digest"] for one in answers[0].json()["params"]["contexts"]] == [
        context_digest(one.sequences) for one in drawn
    ]
    # The set and the alignment are deleted before anything is computed; the job has all it needs.
    assert context_set_delete(owner=person, name="sampled")
    stored.delete()
    inline_worker()
    by_name, spelt_out = (rows_of(api, answer.json()["links"]["results"]) for answer in answers)
    assert by_name[0]["result"] == spelt_out[0]["result"]
    result = by_name[0]["result"]
    assert len(result["scores"] if action == "score" else result["contexts"]["single"]) == 3


def test_a_job_names_a_set_of_its_own_owner_only(api, stranger):
    context_set_create(owner=stranger, name="theirs", contexts=[FIRST], provenance={})
    body = {"model": "e1-demo", "action": "log_prob", "params": {"contexts": [{"set": "theirs"}]}}
    refused = api.post("/api/jobs/", body | {"items": [{"sequence": "MKT"}]}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_context_set")
    assert refused.json()["errors"][0]["path"] == "params.contexts.0.set"
    assert not Job.objects.exists()


@pytest.mark.parametrize(("times", "others", "reads"), [(1000, 0, 0), (64, 0, 2), (2, 63, 0), (2, 61, 2)])
def test_a_set_is_read_once_and_not_for_contexts_beyond_the_limit(
    person, django_assert_num_queries, times, others, reads
):
    context_set_create(owner=person, name="two", contexts=[FIRST, SECOND], provenance={})
    named = [{"set": "two"}] * times + [["MKT"]] * others
    with django_assert_num_queries(reads), pytest.raises(InvalidInput) as refused:
        with_stored(named, person)
    assert (refused.value.code, refused.value.problems[0].path) == ("too_many_contexts", "params.contexts")


def test_a_set_may_be_named_twice(person, django_assert_num_queries):
    context_set_create(owner=person, name="two", contexts=[FIRST, SECOND], provenance={})
    with django_assert_num_queries(2):  # the set, and its contexts
        found = with_stored([{"set": "two"}, ["MKT"], {"set": "two"}] + [["MKT"]] * 59, person)
    assert found == [list(FIRST), list(SECOND), ["MKT"], list(FIRST), list(SECOND)] + [["MKT"]] * 59


def test_a_person_with_sets_can_be_removed(person):
    context_set_create(owner=person, name="x", contexts=[FIRST], provenance={})
    person.delete()
    assert not Context.objects.exists()
