"""A score set and lists of variants by `e1 submit` and `e1 status`, against the service."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from e1client.cli import app
from jobs.models import Item
from tests.factories import SHORT
from tests.score_sets import score_set

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def e1(signed_in):
    runner = CliRunner()
    return lambda *args: runner.invoke(app, list(map(str, args)), catch_exceptions=False)


def test_a_score_set_is_submitted_as_it_is_and_the_counts_are_shown(e1, tmp_path):
    made = score_set(SHORT)
    (tmp_path / "scores.csv").write_text(made.text)
    sent = e1("submit", "scores.csv", "--action", "score", "--model", "e1-demo", "--param", f"parent={SHORT}")
    assert sent.exit_code == 0, sent.stderr
    job = json.loads(sent.stdout.splitlines()[0])
    assert job["counts"]["total"] == len(made.written)
    shown = json.loads(e1("status", job["id"]).stdout)
    assert shown["cleaning"]["left_out_stop"] == made.left_out["stop"]
    assert any(one["code"] == "rows_left_out" for one in shown["warnings"])


def test_a_list_of_foldx_is_submitted_as_it_is(e1, tmp_path):
    (tmp_path / "individual_list.txt").write_text("KA2R;\nKA2R,TA3S;\nKA8R,RA10K,MA1A;\n")
    sent = e1("submit", "individual_list.txt", "--action", "score", "--model", "e1-demo", "--param", f"parent={SHORT}")
    assert sent.exit_code == 0, sent.stderr
    assert dict(Item.objects.values_list("name", "sequence")) == {
        "KA2R;": "K2R",
        "KA2R,TA3S;": "K2R:T3S",
        "KA8R,RA10K,MA1A;": "M1A:K8R:R10K",
    }


def test_a_refusal_quotes_what_was_written(e1, tmp_path):
    (tmp_path / "codes.txt").write_text("A4T\np.Ala4_Lys8del\n")
    sent = e1("submit", "codes.txt", "--action", "score", "--model", "e1-demo", "--param", f"parent={SHORT}")
    assert sent.exit_code == 3
    assert "'p.Ala4_Lys8del' is a deletion and not a substitution" in sent.stderr
