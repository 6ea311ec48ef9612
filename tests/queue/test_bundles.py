"""Planning of bundles and messages, which is pure."""

from jobs.queue.dispatch import Candidate, by_context, plan_bundles, plan_messages, time_limit
from jobs.queue.shares import Had, Turns


def c(chunk_id, owner=1, tokens=100, isolate=False, interactive=False, context=None):
    return Candidate(chunk_id, owner, tokens, isolate, interactive, context and ("job", context))


def plan(candidates, in_flight=None, budget=250, count=10, interactive=None):
    turns = Turns()
    for first, shares in ((False, in_flight), (True, interactive)):
        for owner, tokens in (shares or {}).items():
            turns.note((owner, first), f"earlier of {owner}", Had(tokens))
    return [[x.chunk_id for x in bundle] for bundle in plan_bundles(candidates, turns, budget=budget, count=count)]


def test_fills_bundles_in_order_up_to_the_budget():
    assert plan([c(1), c(2), c(3), c(4), c(5)]) == [[1, 2], [3, 4], [5]]


def test_a_chunk_above_the_budget_goes_alone():
    assert plan([c(1, tokens=900), c(2), c(3)]) == [[1], [2, 3]]


def test_an_isolated_chunk_goes_alone():
    assert plan([c(1), c(2, isolate=True), c(3)]) == [[1], [2], [3]]


def test_stops_at_the_count():
    assert plan([c(n) for n in range(10)], count=2) == [[0, 1], [2, 3]]


def test_owners_take_turns_by_what_they_have_in_flight():
    candidates = [*(c(n, owner=1) for n in range(6)), c(10, owner=2), c(11, owner=2), c(12, owner=2)]
    assert plan(candidates, count=4) == [[0, 1], [10, 11], [2, 3], [12]]
    assert plan(candidates, {2: 1000}, count=2) == [[0, 1], [2, 3]]


def test_nothing_to_do():
    assert plan([]) == []


def test_time_limit_follows_the_slowest_worker_and_is_bounded():
    assert time_limit(1000, []) == 3600
    assert time_limit(1000, [100.0, None, 50.0]) == 600
    assert time_limit(10, [1000.0]) == 120
    assert time_limit(10**9, [1000.0]) == 3600


def test_interactive_requests_go_first_whatever_their_owner_has_in_flight():
    candidates = [*(c(n, owner=1) for n in range(4)), c(9, owner=2, interactive=True)]
    assert plan(candidates, {2: 10**6}, count=2) == [[9], [0, 1]]


def test_owners_of_interactive_requests_take_turns_in_bundles_that_mix_them():
    flood = [c(n, owner=1, interactive=True) for n in range(6)]
    assert plan([*flood, c(9, owner=2, interactive=True)]) == [[0, 9], [1, 2], [3, 4], [5]]
    assert plan([*flood, c(9, owner=2, interactive=True)], interactive={1: 500}, count=1) == [[9, 0]]


def test_a_flood_of_interactive_requests_leaves_a_bundle_to_jobs():
    flood = [c(n, owner=1, interactive=True) for n in range(20)]
    jobs = [c(n, owner=owner) for owner in (2, 3) for n in range(100 * owner, 100 * owner + 4)]
    assert plan([*flood, *jobs], count=4) == [[0, 1], [2, 3], [4, 5], [200, 201]]
    assert plan([*flood, *jobs], {3: 100}, count=4) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert plan(flood, count=4) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_messages_hold_several_bundles_only_where_there_are_more_bundles_than_messages():
    def sizes(bundles, count):
        return [len(message) for message in plan_messages([[c(n)] for n in range(bundles)], count)]

    assert sizes(8, 2) == [4, 4]
    assert sizes(3, 4) == [1, 1, 1]
    assert sizes(5, 4) == [2, 2, 1]
    assert sizes(0, 4) == []
    flat = [bundle[0].chunk_id for message in plan_messages([[c(n)] for n in range(7)], 2) for bundle in message]
    assert flat == list(range(7))


def test_chunks_of_one_context_follow_the_oldest_of_them():
    mixed = [c(1, context=7), c(2, context=8), c(3), c(4, context=7), c(5, context=8), c(6)]
    assert [x.chunk_id for x in by_context(mixed)] == [1, 4, 2, 5, 3, 6]
    assert by_context([]) == []


def test_a_context_fills_its_bundles_before_the_next_one():
    mixed = [c(n, context=7 + n % 2) for n in range(8)]
    assert plan(by_context(mixed)) == [[0, 2], [4, 6], [1, 3], [5, 7]]


def test_the_same_context_in_another_job_does_not_overtake():
    one, other = (Candidate(n, 1, 100, False, False, (n, 7)) for n in (1, 3))
    between = Candidate(2, 1, 100, False, False, (1, 8))
    assert [x.chunk_id for x in by_context([one, between, other])] == [1, 2, 3]


def test_two_owners_take_turns_and_each_message_has_a_context_once():
    candidates = [*(c(n, owner=1, context=7) for n in range(8)), *(c(n, owner=2, context=8) for n in range(10, 18))]
    bundles = plan_bundles(by_context(candidates), Turns(), budget=200, count=8)
    assert [bundle[0].owner_id for bundle in bundles] == [1, 2, 1, 2, 1, 2, 1, 2]
    messages = plan_messages(bundles, 2)
    assert [[bundle[0].owner_id for bundle in message] for message in messages] == [[1, 1, 2, 2], [1, 1, 2, 2]]
    assert sorted(x.chunk_id for message in messages for bundle in message for x in bundle) == [
        *range(8),
        *range(10, 18),
    ]
