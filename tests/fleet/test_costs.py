"""The formula of costs: fitted to machines that are made up, corrected by bundles, and compared between workers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e1protocol.costs import (
    BELIEF_SECONDS,
    HORIZON_SECONDS,
    USUAL,
    Costs,
    Load,
    context_load,
    in_tokens,
    pass_load,
    total,
)
from worker.engine.fit import solved

MACHINES = st.builds(
    lambda token, attended, one_pass: Costs(token, attended * token, one_pass * token),
    token=st.floats(1e-6, 1e-2),
    attended=st.floats(0, 1e-3),
    one_pass=st.floats(0, 200),
)
"""From a GPU to a slow processor. An attended pair costs up to a thousandth of a token, a pass up to 200 tokens."""
MEASURED = [
    pass_load(34, passes=30),
    pass_load(254, passes=4),
    pass_load(1024),
    context_load(4064) + pass_load(34, 4064),
    pass_load(254, 4064, 4),
]
"""What a worker measures at its start."""
ASKED = [
    pass_load(64, passes=100),
    pass_load(500, passes=100),
    pass_load(290, 12_000, 2000) + context_load(12_000),
    pass_load(8, passes=800),
]
"""Jobs: small and large proteins, a scan under a long context, peptides."""


@given(MACHINES)
def test_an_exact_measurement_gives_the_machine(machine):
    fitted = solved([(load, machine.plain(load)) for load in MEASURED])
    for load in ASKED:
        assert fitted.plain(load) == pytest.approx(machine.plain(load), rel=1e-3)


@given(MACHINES, st.lists(st.floats(-0.1, 0.1), min_size=len(MEASURED), max_size=len(MEASURED)))
def test_a_noisy_measurement_never_gives_negative_costs_and_fits_what_was_measured(machine, noise):
    measured = [(load, machine.plain(load) * math.exp(off)) for load, off in zip(MEASURED, noise, strict=True)]
    fitted = solved(measured)
    assert fitted.token > 0
    assert min(fitted.attended, fitted.one_pass) >= 0
    ratios = [fitted.plain(load) / taken for load, taken in measured]
    assert 1 / 1.35 < min(ratios) <= max(ratios) < 1.35


@settings(max_examples=30)
@given(MACHINES, st.floats(0.2, 5.0), st.floats(0.2, 5.0))
def test_bundles_correct_each_kind_by_itself_and_unknown_kinds_by_all_of_them(machine, encode, scan):
    learned = machine
    second = USUAL.times(1 / machine.plain(USUAL) + 1)
    for _ in range(60):
        for kind, slower in (("encode", encode), ("scan", scan)):
            learned = learned.learned({kind: second}, slower * machine.plain(second))
    assert learned.factor("encode") == pytest.approx(encode, rel=0.05)
    assert learned.factor("scan") == pytest.approx(scan, rel=0.05)
    low, high = sorted((encode, scan))
    assert low * 0.99 <= learned.factor("contacts") <= high * 1.01
    assert learned.known("encode").variance < learned.known("contacts").variance


def test_a_kind_that_was_never_measured_follows_its_family():
    costs = Costs(1e-3)
    for _ in range(100):
        costs = costs.learned({"encode": USUAL}, 2e-3 * USUAL.tokens)
        costs = costs.learned({"score under contexts": USUAL}, 5e-4 * USUAL.tokens)
    assert costs.factor("scan under contexts") == pytest.approx(0.5, rel=0.05)
    assert 0.6 < costs.factor("scan") < 1.7, "all work together"
    again = Costs(1e-3).remembering(costs)
    assert again.factor("scan under contexts") / again.factor("encode") == pytest.approx(0.25, rel=0.1)


def test_what_runs_no_passes_says_nothing_about_those_that_do():
    costs = Costs(1e-3, chunk=1e-3)
    costs = costs.learned({"scan, taken": Load(chunks=4)}, 4.0).learned({"scan, together": Load(8, chunks=1)}, 4.0)
    assert costs.factor("encode") == costs.factor("scan") == 1
    assert costs.factor("score, taken") == costs.factor("score under contexts, taken") > 100


def test_a_long_context_tells_the_time_of_passes_behind_longer_ones():
    """The samples of a worker with a noise of an eighth, of a network like e1-demo's: few are off by a half."""
    draw, machine = np.random.default_rng(1), Costs(8e-5, 1.6e-8, 1e-4)
    wanted = pass_load(254, 6096)
    off = []
    for _ in range(100):
        samples = [(one, machine.plain(one) * math.exp(draw.normal(0, 0.12))) for one in MEASURED]
        off.append(abs(math.log(solved(samples).plain(wanted) / machine.plain(wanted))))
    assert sum(one < math.log(1.5) for one in off) >= 97


def test_a_bundle_of_milliseconds_changes_little_and_a_long_one_much():
    costs = Costs(1e-3)
    short = costs.learned({"encode": Load(10)}, 0.03).factor("encode")
    long = costs.learned({"encode": Load(10_000)}, 30.0).factor("encode")
    assert 1 < short < 1.2
    assert 2.8 < long < 3


def test_a_machine_that_becomes_busy_is_noticed_within_minutes():
    costs = Costs(1e-3)
    for _ in range(1000):
        costs = costs.learned({"encode": Load(1000)}, 1.0)
    assert costs.known("encode").seconds == HORIZON_SECONDS
    for _ in range(120):
        costs = costs.learned({"encode": Load(1000)}, 2.0)
    assert costs.factor("encode") > 1.7


def test_a_mixed_bundle_corrects_its_kinds_by_their_parts():
    costs = Costs(1e-3).learned({"encode": Load(9000), "scan": Load(1000)}, 20.0)
    assert costs.factor("encode") > costs.factor("scan") > 1


def test_bundles_without_work_or_time_teach_nothing():
    costs = Costs(1e-3)
    assert costs.learned({}, 1.0) == costs == costs.learned({"encode": Load(10)}, 0.0)


def test_stored_costs_are_those_that_were_learned():
    costs = Costs(1e-3, 1e-8, 1e-4, 0.004, 0.1).learned({"encode": Load(100)}, 0.5)
    assert Costs.from_dict(costs.as_dict()) == costs


def test_a_new_start_remembers_kinds_but_not_how_busy_the_machine_was():
    before = Costs(1e-3)
    for _ in range(100):
        before = before.learned({"encode": USUAL}, 4e-3 * USUAL.tokens).learned({"scan": USUAL}, 2e-3 * USUAL.tokens)
    again = Costs(5e-4).remembering(before)
    assert again.factor("encode") / again.factor("scan") == pytest.approx(2.0, rel=0.05)
    assert again.factor("contacts") == pytest.approx(1.0)
    assert again.known("encode").seconds == BELIEF_SECONDS
    assert Costs(5e-4).remembering(None) == Costs(5e-4)


@given(st.lists(MACHINES, min_size=1, max_size=4), st.floats(0.1, 10))
def test_tokens_of_queues_do_not_depend_on_the_speed_of_workers(machines, faster):
    quick = [
        replace(one, token=one.token / faster, attended=one.attended / faster, one_pass=one.one_pass / faster)
        for one in machines
    ]
    for load in ASKED:
        assert in_tokens(quick).plain(load) == pytest.approx(in_tokens(machines).plain(load), rel=1e-6)
    assert in_tokens(machines).plain(USUAL) == pytest.approx(USUAL.tokens)


def test_without_workers_a_token_counts_once():
    assert in_tokens([]).seconds(Load(100, 5000, 3, 1), "scan") == 100


def test_loads_add_up():
    assert pass_load(10, 90, 2) == Load(20, 20 * (30 + 90), 2)
    assert total([pass_load(10), context_load(10), Load(chunks=1)]) == Load(20, 300 + 50, 1, 1)
    assert Load(8, 16, 4, 1).times(0.25) == Load(2, 4, 1, 0)
    assert np.isclose(Costs(1.0).usual_token, 1.0)
