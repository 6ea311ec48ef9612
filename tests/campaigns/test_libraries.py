"""Degenerate-codon libraries by REST: numbers, budgets, and DNA that codes for what was asked for."""

from __future__ import annotations

import csv
import io
from collections import Counter
from itertools import product
from math import prod

import pytest
from Bio.Seq import Seq
from openpyxl import load_workbook

from jobs.learning.codons import BASES, SCHEMES, clones_for_one, genetic_code
from tests.campaigns.steps import PARENT, made, proposed, trained, upload

pytestmark = pytest.mark.django_db

SITES = [13, 15, 17]
"""In the campaign's numbering, which begins with 3: the positions 11, 13 and 15."""


def library(api, url: str, **body):
    return api.post(f"{url}libraries/", {"sites": SITES} | body, format="json")


def expanded(dna: str) -> list[str]:
    """Return the members of a degenerate sequence."""
    return ["".join(one) for one in product(*(BASES[letter] for letter in dna))]


@pytest.mark.parametrize(
    ("scheme", "members", "one", "oligos", "stop"),
    [("NNK", 32_768, 98_163, 1, 1 / 32), ("22c", 10_648, 31_897, 27, 0), ("NDT", 1_728, 5_175, 1, 0)],
)
def test_the_usual_libraries_of_three_sites(api, scheme, members, one, oligos, stop):
    answer = library(api, made(api), scheme=scheme)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["n"], body["members"], body["clones"]["one_member"]) == (members, members, one)
    assert body["clones"]["all_members"] > one
    assert len(body["rows"]) == oligos
    assert sum(row["members"] for row in body["rows"]) == members
    assert sum(row["share"] for row in body["rows"]) == pytest.approx(1)
    assert body["without_stop"] == pytest.approx((1 - stop) ** 3)
    assert [(site["site"], site["sequential"], site["base"]) for site in body["sites"]] == [
        ("13", 11, 31), ("15", 13, 37), ("17", 15, 43),
    ]  # fmt: skip
    assert body["proteins"] == prod(len(site["residues"]) for site in body["sites"])
    again = library(api, made(api), scheme=scheme).json()
    assert again["digest"] == body["digest"]


def test_one_site_of_nnk_needs_more_clones_for_all_residues(api):
    body = library(api, made(api), sites=[13]).json()
    assert body["clones"]["one_member"] == 94
    assert 165 <= body["sites"][0]["clones_for_all_residues"] <= 175


def test_a_budget_is_refused_with_the_largest_design_that_fits(api):
    url = made(api)
    answer = library(api, url, budget=1_000)
    assert (answer.status_code, answer.json()["code"]) == (400, "budget_too_small")
    problem = answer.json()["errors"][0]
    assert "98,163" in problem["message"]
    assert "2 sites with 22c, NDT: 264 members, 789 clones" in problem["remedy"]
    assert problem["path"] == "budget"
    assert library(api, url, budget=98_163).status_code == 201
    assert library(api, url, budget=98_162).status_code == 400
    assert "No design fits" in library(api, url, budget=3).json()["errors"][0]["remedy"]


@pytest.mark.parametrize("budget", [90, 1_000, 5_000, 98_162])
def test_no_design_that_fits_is_larger_than_the_one_that_is_named(api, budget):
    remedy = library(api, made(api), budget=budget).json()["errors"][0]["remedy"]
    sizes = [one.size for one in SCHEMES.values()]
    every = [prod(chosen) for n in (1, 2, 3) for chosen in product(sizes, repeat=n)]
    most = max((one for one in every if clones_for_one(one) <= budget), default=0)
    assert (f": {most:,} members," in remedy) if most else ("No design fits" in remedy)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        # NDT codes for no alanine.
        ({"wanted": "AV", "budget": 1_000}, "1 site with NNK: 32 members"),
        # The minimal codons of one site are not those of another.
        ({"scheme": {"13": "minimal"}, "wanted": {"13": "WFYL"}, "budget": 50}, "1 site with NDT: 12 members"),
        # The site that wants alanine gets 22c, and the free one NDT.
        ({"sites": [13, 15], "wanted": {"15": "A"}, "budget": 1_000}, "2 sites with NDT, 22c: 264 members"),
    ],
)
def test_the_largest_design_has_the_wanted_residues(api, asked, found):
    assert found in library(api, made(api), **asked).json()["errors"][0]["remedy"]


def test_the_order_codes_for_every_member_and_nothing_else(api):
    url = made(api)
    wanted = {"13": "AV", "15": "ILMV", "17": "W"}
    body = library(api, url, scheme="minimal", wanted=wanted).json()
    assert [set(site["residues"]) for site in body["sites"]] == [set("AV"), set("ILMV"), set("W")]
    assert all(site["stops"] == 0 for site in body["sites"])
    proteins = {str(Seq(dna).translate()) for row in body["rows"] for dna in expanded(row["dna"])}
    places = [10, 12, 14]
    expected = set()
    for chosen in product("AV", "ILMV", "W"):
        letters = list(PARENT)
        for place, residue in zip(places, chosen, strict=True):
            letters[place] = residue
        expected.add("".join(letters))
    assert proteins == expected
    assert len(expected) == body["proteins"]
    for row in body["rows"]:
        for one, place, site in zip(row["codons"], places, body["sites"], strict=True):
            position, _, change = one.partition(":")
            old, _, new = change.partition(">")
            assert (int(position), old, site["codon"]) == (place + 1, site["codon"], old)
            assert genetic_code()[old] == PARENT[place]
            assert row["dna"][3 * place : 3 * place + 3] == new


def test_the_codons_of_a_mixture_are_equally_frequent(api):
    body = library(api, made(api), sites=[13], scheme="22c").json()
    counts = Counter(str(Seq(dna).translate())[10] for row in body["rows"] for dna in expanded(row["dna"]))
    assert counts == body["sites"][0]["residues"]
    assert sum(counts.values()) == 22
    assert body["sites"][0]["rare"] == sorted(body["sites"][0]["rare"])


def test_the_order_as_a_table(api):
    url = made(api)
    body = library(api, url, scheme="22c").json()
    answer = api.post(f"{url}libraries/?format=csv", {"sites": SITES, "scheme": "22c"}, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (201, "text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["dna"] for row in rows] == [row["dna"] for row in body["rows"]]
    assert {row["sites"] for row in rows} == {"13 15 17"}
    assert {row["sequential"] for row in rows} == {"11 13 15"}
    answer = api.post(f"{url}libraries/?format=xlsx", {"sites": SITES, "scheme": "22c"}, format="json")
    sheet = load_workbook(io.BytesIO(answer.content))["synthesis"]
    assert [row[-1] for row in sheet.iter_rows(min_row=2, values_only=True)] == [row["dna"] for row in body["rows"]]
    answer = api.post(f"{url}libraries/?format=pdf", {"sites": SITES}, format="json")
    assert answer.json()["code"] == "bad_format"


def test_without_dna_there_is_a_design_and_no_sequence(api):
    body = library(api, made(api, cds=None, host=None)).json()
    assert body["rows"][0]["dna"] is None
    assert body["sites"][0]["codon"] is None
    assert body["members"] == 32_768


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"sites": []}, "bad_sites"), ({"sites": [20]}, "bad_sites"), ({"sites": [2]}, "bad_sites"),
        ({"sites": [13, 13]}, "bad_sites"), ({"sites": [5]}, "bad_sites"), ({"sites": [True]}, "bad_sites"),
        ({"sites": [13.0]}, "bad_sites"), ({"sites": ["x" * 5_000]}, "bad_sites"),
        ({"sites": list(range(7, 19))}, "bad_sites"),
        ({"sites": 13}, "bad_sites"), ({"sites": [None]}, "bad_sites"), ({"sites": [10**30]}, "bad_sites"),
        ({"scheme": "NNN"}, "bad_choice"), ({"scheme": ["NNK"]}, "bad_choice"),
        ({"scheme": {"13": "NNN"}}, "bad_choice"), ({"scheme": {"99": "NNK"}}, "bad_choice"),
        ({"budget_of": "wells"}, "bad_choice"), ({"best": 20}, "bad_value"),
        ({"host": "unicorn"}, "unknown_codon_table"), ({"sites": ["A13"]}, "bad_sites"),
        ({"scheme": "minimal"}, "bad_wanted"),
        ({"scheme": "minimal", "wanted": {"13": "A"}}, "bad_wanted"), ({"wanted": {"99": "A"}}, "bad_wanted"),
        ({"wanted": "AZ"}, "bad_wanted"), ({"wanted": ["A"]}, "bad_wanted"), ({"wanted": ""}, "bad_wanted"),
        ({"scheme": "NDT", "wanted": "AV"}, "residues_not_coded"), ({"budget": 0}, "bad_value"),
        ({"budget": "many"}, "bad_value"), ({"budget": True}, "bad_value"), ({"colour": "red"}, "unknown_field"),
        ({"sites": [7, 8, 9, 10, 11, 12, 13, 14], "scheme": "22c"}, "too_many_oligos"),
    ],
)  # fmt: skip
def test_refusals_name_the_field(api, body, code):
    answer = library(api, made(api), **body)
    assert answer.status_code == (413 if code == "too_many_oligos" else 400), answer.content
    assert answer.json()["code"] == code


def test_each_site_has_its_scheme(api):
    body = library(api, made(api), scheme={"13": "NDT", "17": "minimal"}, wanted={"17": "AV"}).json()
    assert [one["scheme"] for one in body["sites"]] == ["NDT", "NNK", "GYG"]
    assert body["members"] == 12 * 32 * 2
    assert body["proteins"] == 12 * 20 * 2
    assert body["redundancy"] == pytest.approx(31 / 20)
    assert [one["wanted"] for one in body["sites"]] == [None, None, "AV"]


def test_a_site_may_name_the_residue_of_the_parent(api):
    url = made(api)
    plain = library(api, url).json()
    named = [f"{one['residue']}{one['site']}" for one in plain["sites"]]
    assert library(api, url, sites=named).json() == plain


def test_a_budget_of_members(api):
    url = made(api)
    assert library(api, url, scheme="NDT", budget=1_728, budget_of="members").status_code == 201
    problem = library(api, url, scheme="NDT", budget=1_000, budget_of="members").json()["errors"][0]
    assert "has 1,728 members, and the budget is 1,000" in problem["message"]
    assert "2 sites with NNK, 22c: 704 members" in problem["remedy"]


def test_the_best_residues_by_the_prior(api):
    body = library(api, made(api), scheme="minimal", best=4, wanted={"13": "AV"}).json()
    assert set(body["sites"][0]["residues"]) == set("AV")
    for site in body["sites"][1:]:
        assert len(site["residues"]) == 5
        assert site["residue"] in site["residues"]
    assert body["prior"]["name"] == "blosum62"
    assert body["prior"]["best"] >= body["prior"]["mean"]
    assert body["prior"]["best_variant"].split(":")[0][1:3] in ("13", "15", "17")


def test_the_host_decides_between_equal_codons(api):
    url = made(api)
    for host in ("e_coli", "s_cerevisiae"):
        body = library(api, url, sites=[13], scheme="minimal", wanted="R", host=host).json()
        assert body["sites"][0]["degenerate"] == {"e_coli": ["CGC"], "s_cerevisiae": ["AGA"]}[host]


def test_the_coverage_of_plates(api):
    body = library(api, made(api), scheme="22c").json()
    ninety_six, large = body["library_coverage"]
    assert (ninety_six["wells"], large["wells"]) == (96, 384)
    assert ninety_six["members"] == pytest.approx(1 - (1 - 1 / 10_648) ** 96)
    assert large["members"] == pytest.approx(1 - (1 - 1 / 10_648) ** 384)
    assert large["members"] < large["proteins"] < 384 / 8_000


def test_the_members_as_tables_and_records(api):
    url = made(api)
    body = {"sites": [13, 17], "scheme": "minimal", "wanted": {"13": "AV", "17": "SW"}}
    answer = api.post(f"{url}libraries/?table=members&format=csv", body, format="json")
    assert answer.status_code == 201
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    design = library(api, url, **body).json()
    assert len(rows) == design["proteins"] == 4
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)
    assert {row["sequence"][10] + row["sequence"][14] for row in rows} == {"AS", "AW", "VS", "VW"}
    assert max(float(row["prior"]) for row in rows) == pytest.approx(design["prior"]["best"], rel=1e-5)
    assert max(rows, key=lambda row: float(row["prior"]))["variant"] == design["prior"]["best_variant"]
    answer = api.post(f"{url}libraries/?table=members&format=fasta", body, format="json")
    records = b"".join(answer.streaming_content).decode().split()
    assert records[1::2] == [row["sequence"] for row in rows]
    assert records[0] == f">{rows[0]['variant'].replace(':', '_')}"
    answer = api.post(f"{url}libraries/?table=members&format=xlsx", body, format="json")
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))["members"]
    assert [row[-1] for row in sheet.iter_rows(min_row=2, values_only=True)] == [row["sequence"] for row in rows]


def test_the_sites_as_tables(api):
    url = made(api)
    design = library(api, url, scheme="22c").json()
    answer = api.post(f"{url}libraries/?table=sites&format=csv", {"sites": SITES, "scheme": "22c"}, format="json")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["site"] for row in rows] == ["13", "15", "17"]
    assert {row["degenerate"] for row in rows} == {"NDT VHG TGG"}
    assert {row["residues"] for row in rows} == {"ACDEFGHIKLMNPQRSTVWY"}
    answer = api.post(f"{url}libraries/?table=sites&format=xlsx", {"sites": SITES}, format="json")
    assert load_workbook(io.BytesIO(answer.content)).sheetnames == ["synthesis", "sites", "about"]
    assert [row["codon"] for row in rows] == [one["codon"] for one in design["sites"]]
    for table, format in (("order", "fasta"), ("plates", "csv")):
        answer = api.post(f"{url}libraries/?table={table}&format={format}", {"sites": SITES}, format="json")
        assert answer.json()["code"] == "bad_format"


def test_too_many_members_for_a_list(api):
    answer = api.post(
        f"{made(api)}libraries/?table=members&format=csv", {"sites": [7, 8, 9, 10, 11], "scheme": "NNK"}, format="json"
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_variants")


@pytest.mark.slow
def test_a_combinatorial_library_from_its_design_to_its_next_round(api, other_api):
    """The journey: sites, schemes, a budget, then 90 sequenced multi-mutants, and their combinations."""
    url = made(api)
    assert other_api.post(f"{url}libraries/", {"sites": SITES}, format="json").status_code == 404
    assert library(api, url, budget=1_000).json()["code"] == "budget_too_small"
    design = library(api, url, scheme="NDT", budget=6_000).json()
    at = {
        site["site"]: (site["residue"], sorted(set(site["residues"]) - {site["residue"]})) for site in design["sites"]
    }
    effect = {(site, one): 0.1 * n for site, (_, others) in at.items() for n, one in enumerate(others)}
    doubles = [(("13", a), ("15", b)) for a, b in product(at["13"][1], at["15"][1])][::2][:45]
    triples = [(("13", a), ("15", b), ("17", c)) for a, b, c in product(*(at[site][1] for site in at))][::25][:45]
    rows = ["variant,activity", "WT,2.0", "WT,2.1"]
    for chosen in (*doubles, *triples):
        code = ":".join(f"{at[site][0]}{site}{new}" for site, new in chosen)
        rows.append(f"{code},{1 + sum(effect[one] for one in chosen):.3f}")
    counts = upload(api, url, "\n".join(rows) + "\n").json()
    assert (counts["matched"], counts["unreadable"]) == (92, 0)
    model = trained(api, url, seed=1)
    folds = model["cross_validation"]
    assert folds["position"] is None
    assert "position" in model["reasons"]
    assert folds["depth"]["model"]["spearman"]["value"] is not None
    assert folds["random"]["model"]["spearman"]["value"] > 0.5
    body = proposed(
        api, url, model, count=20, plate=None, pool={"combinations": design["mutations"]}, max_per_position=None
    )
    measured = {row.partition(",")[0] for row in rows}
    assert len(body["rows"]) == 20
    assert not measured & {row["variant"] for row in body["rows"]}
    assert {len(row["sequential"].split(":")) for row in body["rows"]} <= {1, 2, 3}
