"""The assignment of GPUs to workers of `e1 up`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from e1site.stack import supervisor
from e1site.stack.parts import UNCHECKED, connections, gpus, model_workers, web


@pytest.mark.parametrize(
    ("listed", "found", "expected"),
    [
        (None, 0, []),
        (None, 1, ["0"]),
        (None, 3, ["0", "1", "2"]),
        ("", 3, []),  # no device is to be used
        ("-1", 3, []),
        ("2", 3, ["2"]),
        ("2, 0", 3, ["2", "0"]),
        ("1,-1,2", 3, ["1"]),  # CUDA stops reading at the first that is no device
        ("GPU-8a1f,MIG-77", 0, ["GPU-8a1f", "MIG-77"]),
    ],
)
def test_the_gpus_are_those_that_cuda_would_show(listed, found, expected):
    env = {} if listed is None else {"CUDA_VISIBLE_DEVICES": listed}
    assert gpus(env, found) == expected


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ([], [None, None, None, None]),
        (["2"], [None, None, None, None]),  # all share it, as CUDA_VISIBLE_DEVICES already says
        (["0", "1"], ["0", "1", "0", "1"]),
        (["5", "3", "GPU-8a1f"], ["5", "3", "GPU-8a1f", "5"]),
    ],
)
def test_workers_take_turns_with_several_gpus(devices, expected):
    workers = list(model_workers(["e1-600m", "e1-demo"], 2, devices))
    assert [worker.name for worker in workers] == ["e1-600m-1", "e1-600m-2", "e1-demo-1", "e1-demo-2"]
    assert [worker.env.get("CUDA_VISIBLE_DEVICES") for worker in workers] == expected


def test_connections_follow_from_threads_and_workers():
    threads = int(web("127.0.0.1", 1).command[web("127.0.0.1", 1).command.index("--threads") + 1])
    assert connections(8) - connections(1) == 7 * 8
    assert connections(1) > 2 * threads + 8


def test_a_child_gets_its_part_of_the_environment_over_that_of_all(monkeypatch, tmp_path):
    told = []

    def spawn(command: Any, *, env: Any, **_: Any) -> SimpleNamespace:
        told.append(env)
        return SimpleNamespace(pid=1)

    monkeypatch.setattr(supervisor, "spawn", spawn)
    folder = cast(Any, SimpleNamespace(turn_log=lambda name: None, log=lambda name: tmp_path / name, logs=tmp_path))
    guardian = cast(Any, SimpleNamespace(watch=lambda ward: None))
    env = {"CUDA_VISIBLE_DEVICES": "3,5", "E1_MODELS": "e1-demo"}
    children = supervisor.Supervisor(folder, env, guardian, cast(Any, None), print)
    for part in model_workers(["e1-demo"], 2, gpus(env, 8)):
        children.start(part)
    assert told == [{**env, **UNCHECKED, "CUDA_VISIBLE_DEVICES": device} for device in ("3", "5")]
