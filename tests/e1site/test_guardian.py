"""The guardian with plain Python children: a killed launcher, stubborn children, the lock of the data folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import pytest

from e1site.stack import folder as folder_module
from e1site.stack import supervisor as supervisor_module
from e1site.stack.errors import StackError, StopRequested
from e1site.stack.folder import LOGS_KEPT, DataFolder, hold, is_held, write_once
from e1site.stack.guardian import Guardian
from e1site.stack.parts import Part
from e1site.stack.processes import (
    MARKER,
    is_running,
    kill_marked,
    marked,
    marked_inside,
    signal_process,
    spawn,
    wait_gone,
)
from e1site.stack.supervisor import StopSignals, Supervisor

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="leftovers are found through /proc")

STUBBORN = """
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A grandchild that leaves the group and ignores everything too.
    ignore = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", ignore], start_new_session=True)
    time.sleep(600)
"""

LAUNCHER = """
    import os, signal, sys, time
    from pathlib import Path
    from e1site.stack.folder import DataFolder, hold
    from e1site.stack.guardian import Guardian, Ward
    from e1site.stack.processes import MARKER, spawn
    folder = DataFolder(Path(sys.argv[1]))
    folder.create()
    with hold(folder) as lock:
        guardian = Guardian(folder.stack_id, lock, folder.log("guardian"))
        env = {**os.environ, MARKER: folder.stack_id}
        for child in sys.argv[2:]:
            process = spawn([sys.executable, "-c", child], env=env, log=folder.log("child"), cwd=folder.logs)
            guardian.watch(Ward(process.pid, signal.SIGTERM, store=False))
        print("started", flush=True)
        time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _as_in_a_shell():
    """Heed the signals of stopping, which a test run in the background may have inherited as ignored."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)]
    for number, handler in before:
        if handler == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder.at(tmp_path / "data")
    folder.create()
    yield folder
    kill_marked(folder.stack_id)


@pytest.fixture
def launcher(folder):
    """Return a function that starts a launcher process with these programs as children."""
    started: list[subprocess.Popen[str]] = []

    def start(*children: str) -> subprocess.Popen[str]:
        programs = [textwrap.dedent(text) for text in (LAUNCHER, *children)]
        process = subprocess.Popen(
            [sys.executable, "-c", programs[0], str(folder.path), *programs[1:]],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "started\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
@needs_proc
def test_a_killed_launcher_leaves_nothing_behind(folder, launcher):
    process = launcher("import time; time.sleep(600)", STUBBORN)
    assert wait_gone(lambda: len(marked(folder.stack_id)) < 3, 20), "two children and a grandchild should run"

    process.kill()
    process.wait()

    assert wait_gone(lambda: bool(marked(folder.stack_id)), 20), "children outlived their launcher"


@needs_proc
def test_a_copied_folder_does_not_reach_the_original(folder, launcher, tmp_path):
    launcher("import time; time.sleep(600)")
    before = marked(folder.stack_id)
    shutil.copytree(folder.path, tmp_path / "copy")
    copy = DataFolder.at(tmp_path / "copy")
    copy.create()
    with hold(copy) as lock:
        kill_marked(copy.stack_id, copy.path)
        guardian = Guardian(copy.stack_id, lock, copy.log("guardian"))
        assert marked(folder.stack_id) == before
        guardian.close()
    assert before
    assert marked(folder.stack_id) == before


@needs_proc
def test_the_rest_of_a_stack_is_found_after_its_folder_was_moved(folder, tmp_path):
    old, env = folder.stack_id, os.environ | {MARKER: folder.stack_id}
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = spawn(command, env=env, log=folder.log("child"), cwd=folder.logs)
    folder.path.rename(tmp_path / "moved")
    moved = DataFolder.at(tmp_path / "moved")
    try:
        assert moved.stack_id != old
        assert marked_inside(moved.path) == [left.pid]
        kill_marked(moved.stack_id, moved.path)
        assert left.wait(timeout=20) == -signal.SIGKILL
    finally:
        left.kill()
        moved.path.rename(folder.path)


@needs_proc
def test_a_new_start_waits_until_the_guardian_has_cleared_up(folder, launcher):
    process = launcher(STUBBORN)
    process.kill()
    process.wait()

    with hold(folder):
        assert marked(folder.stack_id) == []


def test_a_folder_in_use_is_refused_with_the_holder_named(folder, launcher):
    process = launcher()
    assert is_held(folder)
    with pytest.raises(StackError, match=f"in use by process {process.pid}") as caught, hold(folder):
        pass
    assert caught.value.code == "data_folder_in_use"


def test_a_lock_is_free_again_after_its_holder(folder):
    with hold(folder):
        assert is_held(folder)
    assert not is_held(folder)


def test_secrets_are_private_and_never_overwritten(tmp_path):
    path = tmp_path / "secret"
    assert write_once(path, "first")
    assert not write_once(path, "second")
    assert path.read_text() == "first\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_logs_are_set_aside_at_a_start_and_the_oldest_is_dropped(folder):
    for run in range(LOGS_KEPT + 2):
        folder.turn_log("web").write_text(f"run {run}")
    kept = {path.name: path.read_text() for path in folder.logs.iterdir()}
    assert kept == {"web.log": "run 6", **{f"web.log.{age}": f"run {6 - age}" for age in range(1, LOGS_KEPT)}}


def test_a_log_that_grows_is_cut_while_its_child_writes(folder, supervised, monkeypatch):
    """Every line is in one of the files, complete and in order, and no file is much larger than the limit."""
    monkeypatch.setattr(folder_module, "LOG_BYTES", 40_000)
    monkeypatch.setattr(supervisor_module, "LOG_LOOK_SECONDS", 0.0)
    supervisor, _, _ = supervised
    # It writes the next thousand lines when the last ones have been set aside.
    program = f"""
        import os, sys, time
        for line in range(4000):
            print(f"line {{line:05}} of a child that never stops talking", flush=line % 1000 == 999)
            while line % 1000 == 999 and os.stat({str(folder.log("child"))!r}).st_size > 40_000:
                time.sleep(0.01)
        time.sleep(600)
    """
    supervisor.start(Part("child", (sys.executable, "-c", textwrap.dedent(program)), stage=1, stop_seconds=5))
    run_until(supervisor, lambda: folder.log("child").with_name("child.log.4").exists())

    logs = [folder.log("child").with_name(f"child.log.{age}") for age in range(4, 0, -1)] + [folder.log("child")]
    lines = "".join(log.read_text() for log in logs).splitlines()
    assert [int(line.split()[1]) for line in lines] == list(range(4000))
    assert all(log.stat().st_size < 60_000 for log in logs)


def test_sockets_move_to_a_short_folder_where_the_path_is_long_or_odd(tmp_path):
    short = Path("/tmp/e1-tests/d")  # nothing is created there; pytest's own folder may have a long path
    assert DataFolder.at(short).sockets == short / "run"
    for name in ("x" * 120, "with space"):
        sockets = DataFolder.at(tmp_path / name).sockets
        assert not sockets.is_relative_to(tmp_path)
        assert sockets != DataFolder.at(tmp_path / (name + "2")).sockets


@pytest.fixture
def supervised(folder):
    """Yield a supervisor with a guardian, and the lines that it prints. Everything is stopped at the end."""
    said: list[str] = []
    guardian = Guardian(folder.stack_id, None, folder.log("guardian"))
    with StopSignals().installed() as signals:
        supervisor = Supervisor(folder, {**os.environ, MARKER: folder.stack_id}, guardian, signals, said.append)
        yield supervisor, guardian, said
        supervisor.stop()
    guardian.close()


def run_until(supervisor, done):
    """Tick until `done()`, for at most half a minute."""
    assert wait_gone(lambda: supervisor.tick() or not done(), 30, step=0)


def sleeper(folder, name="child", **extra):
    """Return a part that writes its process id to a file and sleeps."""
    note = f"open('{folder.path}/{name}.pid', 'a').write(f'{{os.getpid()}}\\n')"
    program = f"import os, time; {note}; time.sleep(600)"
    return Part(name, (sys.executable, "-c", program), **{"stage": 1, "stop_seconds": 10, **extra})


def pids(folder, name="child"):
    path = folder.path / f"{name}.pid"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_a_child_that_dies_is_started_again(folder, supervised):
    supervisor, _, said = supervised
    supervisor.start(sleeper(folder))
    run_until(supervisor, lambda: len(pids(folder)) == 1)

    os.kill(pids(folder)[0], signal.SIGKILL)
    run_until(supervisor, lambda: len(pids(folder)) == 2)

    assert said[0] == "child was ended by SIGKILL; starting it again in 0.5 s"
    assert supervisor.deaths("child") == 1


def test_back_off_doubles_and_last_words_are_shown_once(folder, supervised):
    supervisor, _, said = supervised
    supervisor.start(Part("child", (sys.executable, "-c", "raise SystemExit('no weights')"), stage=1, stop_seconds=5))
    run_until(supervisor, lambda: supervisor.deaths("child") == 3)

    starts = [line for line in said if "starting it again" in line]
    assert [line.split(" in ")[1] for line in starts] == ["0.5 s", "1 s", "2 s"]
    assert said.count("  no weights") >= 1
    assert starts[0] == "child ended with status 1; starting it again in 0.5 s"


def test_a_killed_guardian_is_replaced_and_knows_the_children(folder, supervised):
    supervisor, guardian, _ = supervised
    supervisor.start(sleeper(folder))
    run_until(supervisor, lambda: len(pids(folder)) == 1)
    first = guardian.pid

    os.kill(first, signal.SIGKILL)
    run_until(supervisor, lambda: guardian.pid != first)
    guardian.close()  # as if the launcher had ended

    assert wait_gone(lambda: is_running(pids(folder)[0]), 20)


def test_a_signal_ends_the_loop_and_stages_stop_in_reverse(folder, supervised):
    supervisor, _, _ = supervised
    note = "import signal, sys, time; "
    note += "signal.signal(15, lambda *_: (open(sys.argv[1], 'a').write(sys.argv[2] + '\\n'), sys.exit())); "
    note += "open(sys.argv[1] + sys.argv[2], 'w').close(); time.sleep(600)"
    order = folder.path / "order"
    for name, stage in (("store", 0), ("web", 1), ("worker", 2)):
        command = (sys.executable, "-c", note, str(order), name)
        supervisor.start(Part(name, command, stage=stage, stop_seconds=20))
    run_until(
        supervisor,
        lambda: all((folder.path / f"order{name}").exists() for name in ("store", "web", "worker")),
    )

    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(StopRequested):
        supervisor.tick()
    supervisor.stop()

    assert order.read_text().split() == ["worker", "web", "store"]


@pytest.mark.parametrize(("before", "counts"), [([], "1 1 1"), (["nohup"], "0 1 1"), (["setsid", "nohup"], "0 1 1")])
def test_signals_that_the_caller_ignores_stay_ignored(before, counts):
    program = """
        import os, signal
        from e1site.stack.supervisor import StopSignals
        with StopSignals().installed() as signals:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                was = signals.count
                os.kill(os.getpid(), number)
                print(signals.count - was, end=" ")
    """
    command = [*before, sys.executable, "-c", textwrap.dedent(program)]
    # As in a shell, which the test run may not be.
    done = subprocess.run(
        ["env", "--default-signal=INT,TERM,HUP", *command], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == counts


@needs_proc
def test_a_second_signal_hurries(folder, supervised):
    supervisor, _, _ = supervised
    # This child interrupts the launcher again when it is asked to stop, and goes on.
    program = """
        import os, signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getppid(), signal.SIGINT))
        open(sys.argv[1], "w").close()
        while True:
            time.sleep(600)
    """
    up = folder.path / "up"
    command = (sys.executable, "-c", textwrap.dedent(program), str(up))
    supervisor.start(Part("child", command, stage=1, stop_seconds=600))
    run_until(supervisor, up.exists)
    child = marked(folder.stack_id)

    supervisor.stop()  # would wait ten minutes

    assert not any(is_running(pid) for pid in child)


def test_a_command_that_is_interrupted_is_ended(folder, supervised):
    supervisor, _, _ = supervised
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(StopRequested):
        supervisor.run_once("once", sleeper(folder).command, env=supervisor.env)
    assert not marked(folder.stack_id)


@needs_proc
def test_marks_find_exactly_the_processes_of_a_stack(folder, tmp_path):
    other = f"e1-{uuid.uuid4().hex}"
    started = [
        spawn(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            env={MARKER: mark},
            log=tmp_path / "log",
            cwd=tmp_path,
        )
        for mark in (folder.stack_id, other)
    ]
    assert marked(folder.stack_id) == [started[0].pid]
    for process in started:
        signal_process(process.pid, signal.SIGKILL)
        process.wait()
    assert marked(other) == []
