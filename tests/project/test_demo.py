"""The demonstration ends, also if `make demo` runs in the background of a script."""

from __future__ import annotations

import runpy
import sys

from tests.helpers import ROOT

LAUNCHER = """#!{python}
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
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
