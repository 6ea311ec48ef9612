"""Tables as other programs and sites write them, imitated after their public formats: each works without an edit."""

from __future__ import annotations

import io
import math
from dataclasses import replace

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
ESM = """,mutation,esm1v_t33_650M_UR90S_1,esm1v_t33_650M_UR90S_2
0,K2R,-1.5,-1.25
1,T3S,-0.5,-0.75
"""
EVCOUPLINGS = """mutant,pos,wt,subs,frequency,column_conservation,prediction_epistatic,prediction_independent
K2R,2,K,R,0.11,0.4,-1.5,-1.1
T3S,3,T,S,0.2,0.5,-0.5,-0.4
"""
DMS_TOOLS = "site,wildtype,mutation,effect\n2,K,R,0.53\n3,T,S,-1.2\n"
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


def test_a_substitution_file_of_proteingym():
    assert codes(PROTEINGYM) == ["K2R", "K2R:T3S"]
    assert measured(PROTEINGYM) == {"K2R": 0.53, "K2R:T3S": -1.2}


def test_a_table_of_esm_says_which_columns_it_has():
    assert codes(ESM) == ["K2R", "T3S"]
    assert measured(ESM, value_column="esm1v_t33_650M_UR90S_2") == {"K2R": -1.25, "T3S": -0.75}


def test_a_table_of_evcouplings():
    assert codes(EVCOUPLINGS) == ["K2R", "T3S"]
    assert measured(EVCOUPLINGS, value_column="prediction_epistatic") == {"K2R": -1.5, "T3S": -0.5}


def test_a_table_of_dms_tools_is_joined_from_its_columns():
    assert codes(DMS_TOOLS) == ["K2R", "T3S"]
    assert measured(DMS_TOOLS, value_column="effect") == {"K2R": 0.53, "T3S": -1.2}


def test_a_wrong_site_of_dms_tools_quotes_the_code():
    (record,) = open_reader(io.BytesIO(DMS_TOOLS.splitlines()[0].encode() + b"\n3,K,R,1\n"), SCORE, filename="x.csv")
    assert "K3R names K, but the parent has T there" in record.problems[0].message


def test_a_table_of_uniprot():
    records = list(open_reader(io.BytesIO(UNIPROT.encode()), ENCODE, filename="uniprotkb.tsv"))
    assert [(one.name, one.sequence) for one in records] == [("P00001", PARENT), ("Q00002", "MKTAYIAKQW")]
