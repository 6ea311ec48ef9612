"""The demonstration ends, also if `make demo` runs in the background of a script."""

from __future__ import annotations

import runpy
import sys

from typer.testing import CliRunner

from e1site import local
from e1site.commands import app
from tests.helpers import ROOT

LAUNCHER = """#!{python}
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
open(__file__ + ".arguments", "w").write(" ".join(sys.argv[1:]))
print("ready http://127.0.0.1:8000", flush=True)
signal.pause()
"""


def test_a_service_that_ignores_ctrl_c_is_stopped(monkeypatch, tmp_path, capsys):
    program = tmp_path / "e1"
    program.write_text(LAUNCHER.format(python=sys.executable))
    program.chmod(0o700)
    service = runpy.run_path(str(ROOT / "examples" / "demo.py"))["service"]
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with service(tmp_path / "data") as url:
        assert url == "http://127.0.0.1:8000"
    assert "ended with status" not in capsys.readouterr().err


def test_the_start_of_a_persons_own_service_stays_noted(monkeypatch, tmp_path):
    program = tmp_path / "e1"
    program.write_text(LAUNCHER.format(python=sys.executable))
    program.chmod(0o700)
    service = runpy.run_path(str(ROOT / "examples" / "demo.py"))["service"]
    noted = []
    monkeypatch.setattr(local, "up", lambda **options: noted.append(options["command"]) or 0)
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", str(tmp_path / "python"))
        with service(tmp_path / "data"):
            pass
    of_the_demo = (tmp_path / "e1.arguments").read_text().split()
    for arguments in (of_the_demo, ["up", "--port", "0"]):
        assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    assert noted[0] == "", "an empty command is not written"
    assert noted[1].startswith("e1 up --port 0")
