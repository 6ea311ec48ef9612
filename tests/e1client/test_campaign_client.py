"""The client and `e1 campaign` against the running web process: a campaign from its parent to its second plate."""

from __future__ import annotations

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from e1client import Client, Rejected, UsageError
from e1client.campaign_text import (
    campaign_lines,
    comparison_lines,
    count_lines,
    imported_lines,
    library_lines,
    model_lines,
    prediction_file_lines,
    prediction_lines,
    property_text,
    ranking_text,
    round_lines,
    table_of_campaigns,
    table_of_models,
    table_of_prediction_files,
    table_of_rounds,
)
from e1client.cli import app
from jobs.models import Campaign, Measurement
from jobs.tasks.turns import turn_take
from tests.helpers import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

PARENT = "MKTAYIAKQRQISFVKSHFSRQLEERLG"
CREATE = ("campaign", "create", "TEM-1", "--parent", "parent.fasta", "--model", "e1-demo")
PROPERTY = ("campaign", "property", "add", "TEM-1", "activity")
PLATE = ("--plate", "wild_type=4", "--plate", "blanks=2", "--plate", "dead=2", "--plate", "dead_variant=S15A")


@pytest.fixture
def e1(signed_in, tmp_path):
    (tmp_path / "parent.fasta").write_text(f">parent\n{PARENT[:10]}\n{PARENT[10:]}\n")

    def run(*args):
        result = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False)
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr

    return run


@pytest.fixture
def client(live_server, token):
    with Client(url=live_server.url, token=token) as connected:
        yield connected


def computed() -> None:
    while turn_take():
        pass


def measured_singles(path, count=24) -> None:
    rows = ["variant;well;activity", "WT;A1;1,0", "WT;A2;1,1"]
    for n in range(count):
        position = n % 20 + 3
        new = "AG"[PARENT[position - 1] == "A"] if n < 20 else "W"
        well = f"{'BCD'[n // 12]}{n % 12 + 1}"
        rows.append(f"{PARENT[position - 1]}{position + 2}{new};{well};{str(0.2 + (n * 7 % 11) / 5).replace('.', ',')}")
    path.write_text("\n".join(rows) + "\n")


@pytest.mark.slow
def test_a_campaign_by_command_from_its_parent_to_an_ordered_plate(e1, tmp_path):
    code, (made,), _ = e1(*CREATE, "--numbering", "2", "--exclude", "1-4", "--host", "e_coli")
    assert (code, made["parent"], made["exclude"]) == (0, PARENT, ["1-4"])
    told = ("--higher-is-better", "--log", "--low", "0.05", "--normalisation", "wild_type_ratio")
    code, (added,), _ = e1(*PROPERTY, *told)
    assert (code, added["limits"], added["log"]) == (0, [0.05, None], True)
    assert [one["name"] for one in e1("campaign", "property", "list", "TEM-1")[1]] == ["activity"]

    measured_singles(tmp_path / "plate.csv")
    code, (counts,), _ = e1("campaign", "measurements", "TEM-1", "plate.csv", "--column", "activity=activity")
    assert (code, counts["n"], counts["unreadable"]) == (0, 26, 0)
    assert e1("campaign", "measurements", "TEM-1", "plate.csv")[1][0]["unchanged"] == 26
    assert Measurement.objects.count() == 26

    code, (model,), _ = e1("campaign", "train", made["id"], "activity", "--features", "site", "--seed", "3")
    assert (code, model["state"], model["n"]) == (0, "queued", 1)
    computed()
    assert [one["state"] for one in e1("campaign", "model", "TEM-1")[1]] == ["ready"]
    code, (ready,), _ = e1("campaign", "model", "TEM-1", "1")
    assert (code, ready["n_training"]) == (0, 25)
    code, _, said = e1("campaign", "compare", "TEM-1")
    assert (code, "two ready models of one property" in said) == (3, True)
    e1("campaign", "train", "TEM-1", "activity", "--features", "one_hot")
    computed()
    code, (compared,), _ = e1("campaign", "compare", "TEM-1", "1", "2", "--main", "1")
    assert (code, compared["main"], [one["against"] for one in compared["pairs"]]) == (0, 1, [2])
    assert e1("campaign", "compare", "TEM-1", "--csv", "f.csv", "--variants", "v.csv", "--folds", "random")[0] == 0
    assert (tmp_path / "v.csv").read_text().count("\n") == 26
    figures = list(csv.DictReader((tmp_path / "f.csv").read_text("utf-8-sig").splitlines()))
    assert {row["metric"] for row in figures if row["against"]} >= {"ndcg"}

    assert len(e1("campaign", "predict", "TEM-1", "1", "--all-singles")[1][0]["rows"]) == 19 * len(PARENT)
    (tmp_path / "wanted.txt").write_text("# two\nK4W\nK4W:T5W\n")
    named = e1("campaign", "predict", "TEM-1", "1", "--file", "wanted.txt")[1][0]["rows"]
    assert [row["variant"] for row in named] == ["K4W", "K4W:T5W"]
    both = e1("campaign", "predict", "TEM-1", "1", "--combine", "K4W", "T5W")[1][0]["rows"]
    assert sorted(row["variant"] for row in both) == ["K4W", "K4W:T5W", "T5W"]

    code, (plan,), _ = e1(
        "campaign",
        "propose",
        "TEM-1",
        "--model",
        "1=1.2",
        "--count",
        "40",
        "--max-per-position",
        "2",
        "--seed",
        "5",
        *PLATE,
    )
    assert (code, plan["state"], len(plan["rows"])) == (0, "proposed", 48)
    assert plan["objectives"][0]["threshold"] == 1.2
    code, _, _ = e1("campaign", "round", "TEM-1", "1", "--csv", "plate-1.csv", "--xlsx", "plate-1.xlsx")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "plate-1.csv").read_text())))
    assert [(row["well"], row["variant"]) for row in rows] == [
        (row["well"], row["variant"] or "") for row in plan["rows"]
    ]
    assert (tmp_path / "plate-1.xlsx").read_bytes()[:2] == b"PK"
    assert e1("campaign", "ordered", "TEM-1", "1")[1][0]["state"] == "ordered"
    assert e1("campaign", "measured", "TEM-1", "1")[1][0]["realised"]["measured"] == 0
    assert [one["state"] for one in e1("campaign", "round", "TEM-1")[1]] == ["measured"]
    code, (design,), _ = e1("campaign", "library", "TEM-1", "6", "15", "--scheme", "NDT", "--budget", "500")
    assert (code, design["members"], design["clones"]["one_member"]) == (0, 144, 430)
    wanted = (
        "--scheme",
        "minimal",
        "--wanted",
        "6=AV",
        "--wanted",
        "15=ST",
        "--csv",
        "order.csv",
        "--xlsx",
        "order.xlsx",
    )
    assert e1("campaign", "library", "TEM-1", "6", "15", *wanted)[0] == 0
    (order,) = csv.DictReader(io.StringIO((tmp_path / "order.csv").read_text()))
    assert (order["sites"], order["sequential"], len(order["dna"])) == ("6 15", "4 13", 3 * len(PARENT))
    assert (tmp_path / "order.xlsx").read_bytes()[:2] == b"PK"
    mixed = ("--scheme", "6=NDT", "--scheme", "15=minimal", "--best", "3", "--host", "s_cerevisiae")
    code, (design,), _ = e1(
        "campaign", "library", "TEM-1", "6", "15", *mixed, "--budget", "200", "--budget-of", "members"
    )
    assert (code, design["sites"][0]["scheme"], len(design["sites"][1]["residues"])) == (0, "NDT", 4)
    assert e1("campaign", "library", "TEM-1", "6", "15", *wanted[:6], "--members", "members.fasta")[0] == 0
    assert (tmp_path / "members.fasta").read_text().count(">") == 4
    shown = e1("campaign", "show", "TEM-1")[1][0]
    assert [len(shown[name]) for name in ("properties", "models", "rounds")] == [1, 2, 1]
    assert e1("campaign", "export", "TEM-1", "TEM-1.zip")[0] == 0
    assert e1("campaign", "delete", "TEM-1")[0] == 2
    assert e1("campaign", "delete", "TEM-1", "--yes")[0] == 0
    assert not Campaign.objects.exists()
    code, (back,), _ = e1("campaign", "import", "TEM-1.zip")
    assert (code, back["imported"]) == (0, {"properties": 1, "measurements": 26, "models": 2, "rounds": 1})
    assert e1("campaign", "round", "TEM-1", "1")[1][0]["rows"] == plan["rows"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("create", "x", "--parent", "MKZ1", "--model", "e1-demo"), "file_unreadable", 2),
        (("create", "x", "--parent", "MKZ", "--model", "e1-demo"), "bad_letter", 3),
        (("create", "x", "--parent", "two.fasta", "--model", "e1-demo"), "several_records", 2),
        (("show", "none"), "unknown_campaign", 2),
        (("measurements", "here", "plate.csv", "--column", "activity"), "bad_param", 2),
        (("measurements", "here", "none.csv"), "file_unreadable", 2),
        (("measurements", "here", "plate.csv"), "no_properties", 3),
        (("train", "here", "activity"), "not_found", 3),
        (("predict", "here", "1"), "usage", 2),
        (("predict", "here", "1", "--all-singles"), "not_found", 3),
        (("propose", "here", "--model", "best"), "bad_param", 2),
        (("propose", "here", "--model", "1=much"), "bad_param", 2),
        (("propose", "here", "--model", "1", "--plate", "wells"), "bad_param", 2),
        (("propose", "here", "--model", "1", "--count", "2", "--pool", "none.txt"), "file_unreadable", 2),
        (("round", "here", "--csv", "a.csv"), "usage", 2),
        (("round", "here", "7", "--csv", "a.csv"), "not_found", 3),
        (("ordered", "here", "7"), "not_found", 3),
        (("library", "here", "2", "3", "4", "--budget", "1000", "--csv", "a.csv"), "budget_too_small", 3),
        (("library", "here", "2", "--wanted", "2=AV", "--wanted", "AV"), "bad_param", 2),
        (("library", "here", "2", "--scheme", "NNK", "--scheme", "2=NDT"), "bad_param", 2),
        (("library", "here", "2", "--members", "a.txt"), "unknown_format", 2),
        (("export", "here", "no-folder/a.zip"), "bad_output", 2),
        (("import", "plate.csv"), "bad_campaign_file", 3),
    ],
)
def test_refusals_have_the_code_of_their_reason_and_leave_no_file(e1, client, tmp_path, words, code, exit_code):
    client.create_campaign("here", parent=PARENT, model="e1-demo")
    (tmp_path / "two.fasta").write_text(">a\nMKT\n>b\nMKV\n")
    (tmp_path / "plate.csv").write_text("variant,activity\nK2A,1\n")
    ended, _, told = e1("campaign", *words, "--json")
    error = json.loads(told.splitlines()[-1])
    assert (ended, error["code"], error["exit_code"]) == (exit_code, code, exit_code)
    assert error["detail"]
    assert not (tmp_path / "a.csv").exists()
    assert Campaign.objects.count() == 1


def test_a_failed_model_ends_a_waiting_command_with_4(e1, client, monkeypatch):
    campaign = client.create_campaign("here", parent=PARENT, model="e1-demo")
    client.add_property(campaign, "Tm", higher_is_better=True, unit="°C")
    train = Client.train_model

    def at_once(self, *args, **more):
        made = train(self, *args, **more)
        computed()
        return made

    monkeypatch.setattr(Client, "train_model", at_once)
    code, (model,), _ = e1("campaign", "train", "here", "Tm", "--prior", "profile", "--wait")
    assert (code, model["state"]) == (4, "failed")
    assert "no alignment" in model["reason"]
    code, (model,), _ = e1("campaign", "train", "here", "Tm", "--wait")
    assert (code, model["state"], model["ranks_by"]) == (0, "ready", "prior")


def test_predictions_as_a_file_by_command_and_by_client(e1, client, tmp_path, monkeypatch):
    campaign = client.create_campaign("here", parent=PARENT, model="e1-demo")
    client.add_property(campaign, "Tm", higher_is_better=True)
    client.train_model(campaign, "Tm")
    computed()
    waits = Client.wait_predictions

    def at_once(self, *args, **more):
        computed()
        return waits(self, *args, **more)

    monkeypatch.setattr(Client, "wait_predictions", at_once)
    code, lines, told = e1("campaign", "predict", "here", "1", "--all-singles", "--out", "singles.csv")
    assert (code, lines) == (0, [])
    assert "wrote singles.csv" in told
    rows = list(csv.DictReader(io.StringIO((tmp_path / "singles.csv").read_text("utf-8-sig"))))
    assert [int(row["rank"]) for row in rows] == list(range(1, 19 * len(PARENT) + 1))
    code, (listed,), _ = e1("campaign", "predictions", "here", "1")
    assert (code, listed["count"], listed["state"]) == (0, 19 * len(PARENT), "ready")
    file = str(listed["id"])
    assert e1("campaign", "predictions", "here", "1", file, "--out", "singles.parquet")[0] == 0
    assert (tmp_path / "singles.parquet").read_bytes()[:4] == b"PAR1"
    assert e1("campaign", "predictions", "here", "1", file)[1][0]["id"] == listed["id"]
    assert e1("campaign", "predict", "here", "1", "--all-singles", "--out", "singles.pdf")[0] == 2
    assert e1("campaign", "predictions", "here", "1", "--delete")[0] == 2

    seen = []
    again = client.predict_file(campaign, 1, all_singles=True, on_update=seen.append)
    assert again["id"] == listed["id"], "the same request"
    assert [one["state"] for one in seen] == ["ready"]
    early = client.predict_file(campaign, 1, ["K2A", "K2W"], wait=False)
    assert (early["state"], early["files"]) == ("queued", [])
    with pytest.raises(Rejected) as refused:
        client.download_predictions(campaign, 1, early["id"], tmp_path / "early.csv")
    assert refused.value.code == "predictions_not_ready"
    assert not (tmp_path / "early.csv").exists()
    assert e1("campaign", "predictions", "here", "1", file, "--delete")[0] == 0
    assert [one["id"] for one in client.campaign_predictions(campaign, 1)] == [early["id"]]
    code, (stopped,), _ = e1("campaign", "predictions", "here", "1", str(early["id"]), "--stop")
    assert (code, stopped["state"], stopped["reason"]) == (0, "failed", "it was stopped")
    with pytest.raises(Rejected) as ended:
        client.stop_predictions(campaign, 1, early["id"])
    assert ended.value.code == "not_building"
    client.delete_predictions(campaign, 1, early["id"])
    assert client.campaign_predictions(campaign, 1) == []


def test_files_of_predictions_in_words():
    part = {"format": "csv", "size": 1234, "sha256": "ab"}
    told = {"id": 7, "n": 2, "state": "running", "count": 20_001, "progress": 0.25, "asked": "variants", "files": []}
    assert list(prediction_file_lines(told)) == [
        "predictions 7 of model 2: running, 20,001 variants",
        "  progress    25 %",
        "  to write it: e1 campaign predictions CAMPAIGN 2 7 --out FILE.csv",
    ]
    done = told | {"state": "ready", "files": [part]}
    assert "  csv         1,234 bytes, SHA-256 ab" in list(prediction_file_lines(done))
    failed = told | {"state": "failed", "reason": "full"}
    assert list(prediction_file_lines(failed))[-1] == "  reason      full"
    assert list(table_of_prediction_files([told | {"created_at": "2026-11-30T01:02:03Z"}]))[1] == (
        "     7  running      20,001  2026-11-30  variants"
    )


def test_methods_of_the_client(client, tmp_path):
    campaign = client.create_campaign("here", parent=PARENT, model="e1-demo")
    assert client.campaign_id("here") == client.campaign_id(campaign) == client.campaign_id(campaign["url"])
    client.create_campaign("here", parent=PARENT, model="e1-demo")
    with pytest.raises(UsageError, match="2 campaigns"):
        client.campaign("here")
    client.add_property(campaign, "activity", higher_is_better=True, limits=(None, 3.0), threshold=1.0)
    with pytest.raises(Rejected) as refused:
        client.add_property(campaign, "activity", higher_is_better=True)
    assert refused.value.code == "property_exists"
    stream = io.BytesIO(b"variant,well,kcat\nK2A,A1,1.5\nT3A,A2,0.5\n")
    assert client.add_measurements(campaign, stream, columns={"activity": "kcat"})["matched"] == 2
    assert [row["variant"] for row in client.campaign_measurements(campaign)] == ["K2A", "T3A"]
    assert len(list(client.campaign_measurements(campaign, limit=1))) == 1
    model = client.train_model(campaign, "activity")
    with pytest.raises(Rejected) as early:
        client.predict_variants(campaign, model["n"], ["K2A"])
    assert early.value.code == "model_not_ready"
    computed()
    seen = []
    assert client.wait_model(campaign, model["n"], on_update=seen.append)["state"] == "ready"
    assert [one["state"] for one in seen] == ["ready"]
    with pytest.raises(UsageError):
        client.predict_variants(campaign, 1, ["K2A"], all_singles=True)
    made = client.propose_round(campaign, 1, count=3, pool=["K2A", "K2W", "T3W", "A4W"], mutations=(1, 1))
    plan = client.campaign_round(campaign, made["round"])
    assert {row["variant"] for row in plan["rows"]} == {"K2W", "T3W", "A4W"}
    with pytest.raises(Rejected) as wrong:
        client.close_round(campaign, 1)
    assert wrong.value.code == "wrong_state"
    with pytest.raises(UsageError):
        client.download_round(campaign, 1, tmp_path / "round.pdf")
    client.delete_campaign(campaign)
    assert [one["name"] for one in client.campaigns()] == ["here"]


def test_a_comparison_in_words():
    figure = {"value": 0.2, "low": -0.05, "high": 0.45, "detectable": 0.35}
    card = {"property": "activity", "n_training": 87, "prior": {"used": "profile"}, "features": {"used": "site"}}
    rows = {"position": {"model": {"spearman": figure}, "prior": {"spearman": figure}}}
    models = [{**card, "n": n, "ranks_by": by, "cross_validation": rows} for n, by in ((2, "model"), (1, "prior"))]
    pair = {"model": 2, "against": 1, "n": 80, "difference": "none", "differences": {"squared_error": figure}}
    body = {"property": "activity", "folds": "position", "models": models, "pairs": [pair]}
    body["ranks_next"] = {"model": 2, "by": "model", "reason": "It is the only one."}
    lines = list(comparison_lines(body))
    assert lines[1] == "  model 2     prior profile, features site, 87 variants: ranks by the model"
    assert lines[2] == "    Spearman: model 0.200, prior 0.200"
    assert "  2 against 1: no difference shown on 80 common variants; 35 % could be shown" in lines
    assert "    squared_error  +0.200 (-0.050 to +0.450)" in lines
    assert lines[-1] == "  next plate  ranked by model 2. It is the only one."
    pair |= {"differences": None, "reason": "model 1 has no folds of the kind round"}
    assert "  2 against 1: not compared: model 1 has no folds of the kind round" in list(comparison_lines(body))


def test_campaigns_in_words():
    activity = {
        "name": "activity", "unit": "U/mg", "higher_is_better": True, "log": True, "limits": [0.05, None],
        "threshold": 1.5, "normalisation": "wild_type_ratio",
    }  # fmt: skip
    text = property_text(activity)
    assert text == "activity [U/mg], higher is better, log, wild_type_ratio, detected from 0.05, a hit from 1.5"
    figure = {"value": 0.02, "low": -0.05, "high": 0.08}
    model = {
        "n": 2, "property": "activity", "state": "ready", "n_training": 87, "n_censored": 5, "digest": "ab",
        "prior": {"used": "profile", "source": "alignment 1"}, "features": {"used": "profile"}, "ranks_by": "prior",
        "gain": {
            **figure, "metric": "squared_error", "folds": "position", "n": 87, "detectable": 0.09,
            "spearman": {"value": 0.01, "low": None, "high": None},
        },
        "cross_validation": {"position": {"model": {"spearman": figure}, "prior": {"spearman": figure}}, "depth": None},
        "reasons": {"depth": "all are single"},
        "coverage": {"nominal": 0.9, "guaranteed": 0.8, "observed": 0.91, "width": 2.5},
    }  # fmt: skip
    lines = list(model_lines(model))
    assert "  gain        +0.020 (-0.050 to +0.080) squared_error by position folds" in lines
    assert "  order       +0.010 spearman" in lines
    assert "  ranking     no gain over the prior yet: ranks by the prior" in lines
    assert "  depth       all are single" in lines
    assert "  interval    coverage 0.91 observed, 0.90 nominal, width 2.5" in lines
    assert ranking_text({"state": "queued"}) == "not ready yet"
    assert list(model_lines({**model, "state": "failed", "reason": "no prior"}))[1] == "  reason      no prior"
    assert list(table_of_models([model]))[1].startswith("    2  ready           87  activity, no gain")
    rows = [
        {"variant": f"A{n}G", "rank": n, "mean": None, "low": None, "high": None, "prior": 1.0} for n in range(1, 23)
    ]
    assert list(prediction_lines({"n": 1, "ranks_by": "prior", "rows": rows[::-1]}))[-1].startswith("... and 2 more")
    plan = {
        "n": 1, "state": "measured", "digest": "cd", "rows": [{"pick": "chosen", "plate": "1"}], "created_at": "2026",
        "expected": {"hits": 4.2, "chance_of_one": 0.98, "maximum": 2}, "realised": {"measured": 80, "hits": 3},
    }  # fmt: skip
    assert list(round_lines(plan))[-2:] == [
        "  expected    4.2 hits, at least one with 98 %",
        "  realised    80 variants measured, 3 hits",
    ]
    unknown = plan | {"expected": None, "objectives": [{"model": 1}], "realised": None}
    assert list(round_lines(unknown))[-1].startswith("  expected    not predicted")
    assert list(table_of_rounds([plan]))[1].endswith("cd")
    body = {
        "id": "0", "name": "TEM\n1", "owner": "rosalind", "access": "own", "project": None, "parent": "MKT",
        "model": "e1-demo", "alignment": "7", "exclude": ["1-2"],
        "created_at": "2026-11-30T01:02:03Z", "properties": [activity], "models": [model], "rounds": [plan],
    }  # fmt: skip
    assert "  round 1     measured" in list(campaign_lines(body))
    assert next(campaign_lines(body)) == r"campaign 0 'TEM\\n1'"
    assert list(table_of_campaigns([body]))[1].endswith(r"2026-11-30  TEM\n1")
    site = {"site": "6", "residue": "A", "codon": "GCG", "degenerate": ["NNK"], "residues": {"A": 2, "V": 2}}
    design = {
        "members": 32, "proteins": 20, "without_stop": 31 / 32, "sites": [site], "rows": [{}],
        "clones": {"confidence": 0.95, "one_member": 94, "all_members": 206},
        "library_coverage": [{"wells": 96, "members": 0.9525, "proteins": 0.97}],
        "prior": {"name": "blosum62", "mean": -5.25, "best": 0.0, "best_variant": "WT"},
    }  # fmt: skip
    assert list(library_lines(design))[1:6] == [
        "  clones      94 for 95 % of one member, 206 of all members",
        "  no stop     96.9 % of the members",
        "   96 wells   95 % of the members, 97 % of the proteins",
        "  prior       blosum62: mean -5.25, best 0, WT",
        "  A6          GCG > NNK: AV",
    ]
    imported = body | {"imported": {"models": 1, "rounds": 2}, "digest": "ef"}
    assert list(imported_lines(imported))[-2:] == ["  imported    1 models, 2 rounds", "  digest      ef"]
    counts = dict.fromkeys(("read", "n", "matched", "failed", "censored", "corrected", "unchanged", "unreadable"), 0)
    problem = {"code": "bad_well", "message": "line 3: 'Z9' is not a well", "remedy": "Write A1 to P24.", "line": 3}
    told = list(count_lines(counts | {"read": 2, "n": 1, "matched": 1, "problems": [problem]}))
    assert told == [
        "read 2 cells, stored 1 measurements",
        "  matched     1",
        "  line 3: 'Z9' is not a well [bad_well]",
        "    -> Write A1 to P24.",
    ]


def test_each_route_of_campaigns_has_a_method():
    """The client sends to every address of campaigns that the service has."""
    names = ("campaigns.py", "campaign_comparisons.py", "campaign_predictions.py", "publishing.py")
    text = "".join((ROOT / "e1client" / name).read_text() for name in names)
    urls = (ROOT / "jobs" / "api" / "urls.py").read_text()
    ends = {
        line.split('"')[1].rstrip("/").rpartition("/")[2] for line in urls.splitlines() if '"api/campaigns/' in line
    }
    assert {"properties", "measurements", "predictions", "measured"} <= ends
    for end in ends - {"campaigns", "<uuid:campaign_id>", "<int:number>", "<int:file_id>"}:
        assert f'{end}/"' in text or f'"{end}"' in text, end
