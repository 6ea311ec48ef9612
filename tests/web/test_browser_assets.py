"""A checkout without built pages says so, and serves them once they are built."""

from __future__ import annotations

import json
import os

import pytest
from django.core.checks import run_checks
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django_vite.core.asset_loader import DjangoViteAssetLoader

from e1site import local
from e1site.stack.errors import StackError
from jobs.web import browser_assets
from jobs.web.vite import FreshFiles


@pytest.fixture
def unbuilt(tmp_path, monkeypatch):
    """A place for a manifest, empty as in a fresh checkout; `build` writes one."""
    manifest = tmp_path / "dist" / "manifest.json"
    manifest.parent.mkdir()
    loaded = DjangoViteAssetLoader.instance()._apps["default"].manifest
    monkeypatch.setattr(browser_assets, "MANIFEST", manifest)
    monkeypatch.setattr(loaded, "manifest_path", manifest)
    monkeypatch.setattr(loaded, "_entries", {})
    monkeypatch.setattr(loaded, "_stamp", None)
    return manifest


def build(manifest, name: str, moment: int) -> None:
    manifest.write_text(json.dumps({"src/main.ts": {"file": name, "src": "src/main.ts", "isEntry": True}}))
    os.utime(manifest, ns=(moment, moment))


@pytest.mark.django_db
def test_pages_without_their_scripts_say_what_to_do_and_come_back_after_the_build(unbuilt, caplog):
    client = Client(raise_request_exception=False)
    answer = client.get("/login/")
    assert answer.status_code == 500
    assert "make setup" in answer.content.decode()
    assert "make setup" in str(caplog.records[-1].exc_info[1]), "the log says it as well"
    build(unbuilt, "assets/main-1.js", 1)
    assert "assets/main-1.js" in client.get("/login/").content.decode()
    build(unbuilt, "assets/main-2.js", 2)
    assert "assets/main-2.js" in client.get("/login/").content.decode()
    unbuilt.unlink()
    assert client.get("/login/").status_code == 500


def test_files_of_a_later_build_are_served(unbuilt, settings, tmp_path):
    settings.STATICFILES_DIRS = [tmp_path]
    serve = FreshFiles(lambda request: HttpResponse(status=404))
    ask = RequestFactory().get("/static/dist/manifest.json")
    assert serve(ask).status_code == 404
    build(unbuilt, "assets/main-1.js", 1)
    answer = serve(ask)
    assert answer.status_code == 200
    answer.file_to_stream.close()  # without the signal of a request that ends, which asks the database


def test_the_system_check_and_the_start_of_the_service_say_so(unbuilt, monkeypatch, capsys, tmp_path):
    def refuse(folder):
        raise StackError("not now", code="data_folder_in_use")

    monkeypatch.setattr(local, "hold", refuse)
    start = {
        "host": "127.0.0.1",
        "port": 0,
        "allow": [],
        "models": ["e1-demo"],
        "data": tmp_path / "data",
        "workers": 1,
    }
    assert [one.hint for one in run_checks() if one.id == "django_vite.W001"] == [browser_assets.REMEDY]
    assert local.up(**start) == 1
    assert f"{unbuilt} is missing" in (said := capsys.readouterr().err)
    assert "make setup" in said
    build(unbuilt, "assets/main-1.js", 1)
    assert not [one for one in run_checks() if one.id == "django_vite.W001"]
    assert local.up(**start) == 1
    assert "make setup" not in capsys.readouterr().err
