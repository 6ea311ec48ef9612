"""Tables as other programs and sites write them, with their real headers: each works without an edit.

The headers are those of the MaveDB API, of ProteinGym's substitutions, and of the example that ESM's predict.py writes.
Others are of EVcouplings' single_mutant_matrix, of dms_tools2's mutdiffsel files, and of UniProt's default columns.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest

from jobs.parsing import BadRecord, open_reader
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.overlays import check_names
from jobs.science.variants.rules import VariantRules
from jobs.variants.assay_files import read_assay
from tests.parsing.reading import ENCODE

PARENT = "MKTAYIAKQRQISFVKSHFSRQ"
SCORE = replace(ENCODE, variants=VariantRules(PARENT, SEQUENTIAL))

MAVEDB = """accession,hgvs_nt,hgvs_splice,hgvs_pro,score,se
urn:mavedb:00000001-a-1#1,c.5A>G,NA,p.Lys2Arg,0.53,0.1
urn:mavedb:00000001-a-1#2,NA,NA,p.Thr3Ser,-1.2,0.2
urn:mavedb:00000001-a-1#3,c.6G>A,NA,p.Lys2=,0.01,0.1
urn:mavedb:00000001-a-1#4,c.4A>T,NA,p.Lys2Ter,-3.1,NA
urn:mavedb:00000001-a-1#5,NA,NA,p.Ala4Val,NA,NA
"""
PROTEINGYM = """mutant,mutated_sequence,DMS_score,DMS_score_bin
K2R,MRTAYIAKQRQISFVKSHFSRQ,0.53,1
K2R:T3S,MRSAYIAKQRQISFVKSHFSRQ,-1.2,0
"""
MAVEDB_NAMESPACES = """accession,hgvs_nt,hgvs_pro,scores.score,scores.sd
urn:mavedb:00000001-a-1#1,c.5A>G,p.Lys2Arg,0.53,0.1
urn:mavedb:00000001-a-1#2,NA,p.Thr3Ser,-1.2,NA
"""
ESM = """,Unnamed: 0,mutant,0,39,cefotaxime,0_1,km,esm1v_t33_650M_UR90S_1,esm1v_t33_650M_UR90S_2
0,0,K2R,0.0227,0.0459,-0.0319,-0.0371,,-1.5,-1.25
1,1,T3S,0.0114,-0.0126,0.0165,0.0135,,-0.5,-0.75
"""
EVCOUPLINGS = """segment,mutant,pos,wt,subs,frequency,column_conservation,prediction_epistatic,prediction_independent
,K2R,2,K,R,0.11,0.4,-1.5,-1.1
,T3S,3,T,S,0.2,0.5,-0.5,-0.4
"""
DMS_TOOLS = "site,wildtype,mutation,mutdiffsel\n2,K,R,0.53\n3,T,S,-1.2\n4,A,A,NaN\n"
UNIPROT = (
    "Entry\tReviewed\tEntry Name\tProtein names\tGene Names\tOrganism\tLength\tSequence\n"
    "P00001\treviewed\tA_HUMAN\tKinase A (EC 2.7.1.1), putative\tA; B\tHomo sapiens (Human)\t22\t" + PARENT + "\n"
    "Q00002\tunreviewed\tB_MOUSE\t\t\tMus musculus\t10\tMKTAYIAKQW\n"
)


def codes(text: str) -> list[str]:
    records = list(open_reader(io.BytesIO(text.encode()), SCORE, filename="scores.csv"))
    assert not [problem for record in records if isinstance(record, BadRecord) for problem in record.problems]
    return [record.sequence for record in records]


def measured(text: str, **options) -> dict[str, float]:
    found = read_assay(io.BytesIO(text.encode()), **options)
    check_names(found.names, PARENT, SEQUENTIAL)
    return dict(zip(found.names, found.values, strict=True))


def test_a_score_set_of_mavedb():
    assert codes(MAVEDB) == ["K2R", "T3S", "A4V"]
    values = measured(MAVEDB)
    assert (values["p.Lys2Arg"], values["p.Thr3Ser"]) == (0.53, -1.2)
    assert math.isnan(values["p.Ala4Val"])


def test_a_score_set_of_mavedb_with_namespaces():
    assert codes(MAVEDB_NAMESPACES) == ["K2R", "T3S"]
    assert measured(MAVEDB_NAMESPACES) == {"p.Lys2Arg": 0.53, "p.Thr3Ser": -1.2}


@pytest.mark.parametrize("more", ["", ",DMS_bin_score"])
def test_a_substitution_file_of_proteingym(more):
    head, *rows = PROTEINGYM.splitlines()
    rows = [",".join(cells[:3] + ["0.1"] * bool(more) + cells[3:]) for cells in (row.split(",") for row in rows)]
    text = "\n".join([head.replace(",DMS_score_bin", f"{more},DMS_score_bin"), *rows])
    assert codes(text) == ["K2R", "K2R:T3S"]
    assert measured(text) == {"K2R": 0.53, "K2R:T3S": -1.2}


def test_a_table_of_esm_says_which_columns_it_has():
    assert codes(ESM) == ["K2R", "T3S"]
    assert measured(ESM, value_column="esm1v_t33_650M_UR90S_2") == {"K2R": -1.25, "T3S": -0.75}


def test_a_table_of_evcouplings():
    assert codes(EVCOUPLINGS) == ["K2R", "T3S"]
    assert measured(EVCOUPLINGS, value_column="prediction_epistatic") == {"K2R": -1.5, "T3S": -0.5}


def test_a_table_of_dms_tools_is_joined_from_its_columns():
    assert codes(DMS_TOOLS)[:2] == ["K2R", "T3S"]
    values = measured(DMS_TOOLS)
    assert (values.pop("K2R"), values.pop("T3S")) == (0.53, -1.2)
    assert all(map(math.isnan, values.values())), "the parent's own residues have no value"


def test_a_wrong_site_of_dms_tools_quotes_the_code():
    (record,) = open_reader(io.BytesIO(DMS_TOOLS.splitlines()[0].encode() + b"\n3,K,R,1\n"), SCORE, filename="x.csv")
    assert "K3R names K, but the parent has T there" in record.problems[0].message


def test_a_table_of_uniprot():
    records = list(open_reader(io.BytesIO(UNIPROT.encode()), ENCODE, filename="uniprotkb.tsv"))
    assert [(one.name, one.sequence) for one in records] == [("P00001", PARENT), ("Q00002", "MKTAYIAKQW")]


def test_a_table_of_uniprot_from_mapped_identifiers():
    text = "".join(f"{name}\t{row}\n" for name, row in zip(["From", "x", "y"], UNIPROT.splitlines(), strict=True))
    records = list(open_reader(io.BytesIO(text.encode()), ENCODE, filename="idmapping.tsv"))
    assert [one.name for one in records] == ["P00001", "Q00002"]
