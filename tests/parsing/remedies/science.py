"""Refusals of variants, structures and numberings, and what comes of each by its remedy."""

from __future__ import annotations

from functools import partial

from jobs.science.contacts import chains
from jobs.science.variants.numbering import Numbering
from tests.parsing import foreign
from tests.parsing.remedies.readers import PARENT, Case, case_in, scored
from tests.science.helices import pdb

CASES: list[Case] = []
case = partial(case_in, CASES)

# Annotations
case("bad_range", "features", "start,end\n5,3\n", "the start first", "start,end\n3,5\n")
case("bad_range", "features", "start,end\n0,23\n", "numbers of residues", "start,end\n1,22\n")

# Variants
case(
    "bad_variant",
    "library",
    "K2R\nhello2\n",
    "Write the parent's residue",
    "K2R\nT3S\n",
    "K2R\np.Thr3Ser\n",
    "K2R:T3S\nWT\n",
    rules=scored(),
)
case("bad_variant", "library", "K2R\np.Lys2?\n", "such as A24T", "K2R\n", "K2R\nK2A\n", rules=scored())
case(
    "bad_variant",
    "library",
    "K2R\nT3_K2del\n",
    "Name the residues in their order",
    "K2R\nK2_T3del\n",
    rules=scored(lengths=True),
)
case(
    "wrong_wild_type",
    "library",
    "K2R\nA3S\n",
    "Check the parent and the numbering",
    "K2R\nT3S\n",
    {"rules": scored(parent="MKA" + PARENT[3:])},
    rules=scored(),
)
case("position_outside", "library", "K2R\nQ23A\n", "Check the parent", "K2R\nQ22A\n", rules=scored())
case("position_twice", "library", "K2R:K2A\n", "Name each position once", "K2R\nK2A\n", rules=scored())
case(
    "indel",
    "library",
    "K2R\np.Lys2del\n",
    "Choose pseudo_log_likelihood",
    {"rules": scored(lengths=True)},
    rules=scored(),
)
case(
    "indel",
    "library",
    "K2R\n" + PARENT[:-1] + "\n",
    "Choose pseudo_log_likelihood",
    {"rules": scored(lengths=True)},
    rules=scored(),
)
case(
    "indel",
    "library",
    "K2R\np.Lys2fs\n",
    "Give the full sequence and choose",
    (PARENT[:4] + "GGG\n", {"rules": scored(lengths=True)}),
    rules=scored(),
)
case(
    "bad_letter",
    "library",
    "K2R\nK2*\n",
    "Leave it out, or give the shortened sequence",
    "K2R\n",
    (PARENT[:1] + "\n" + PARENT + "\n", {"rules": scored(lengths=True)}),
    rules=scored(),
)
case("bad_letter", "library", "K2R\nK2X\n", "Choose one of ACDEF", "K2R\nK2A\n", rules=scored())
case(
    "bad_letter",
    "library",
    PARENT.replace("K", "#") + "\nK2R\n",
    "or the full sequence in one-letter residues",
    PARENT.replace("K", "A") + "\nK2R\n",
    rules=scored(),
)
case(
    "empty_sequence",
    "library",
    "variant,note\n,x\nK2R,y\n",
    "Give a code such as A24T",
    "variant,note\nT3S,x\nK2R,y\n",
    rules=scored(),
)
case(
    "sequence_too_long",
    "library",
    "K2R\n" + "M" * 2049 + "\n",
    "Cut it into domains",
    "K2R\n" + "M" * 2048 + "\n",
    rules=scored(lengths=True),
)
case(
    "no_items",
    "library",
    "hgvs_pro,score\np.Lys2Ter,1\n",
    "such as p.Ala24Thr",
    "hgvs_pro,score\np.Lys2Arg,1\n",
    rules=scored(),
)
case(
    "no_items",
    "library",
    "hgvs_pro,score\np.Lys2del,1\n",
    "or choose pseudo_log_likelihood",
    {"rules": scored(lengths=True)},
    rules=scored(),
)

# Structures
case(
    "bad_structure",
    "structure",
    b"data_x\nloop_\n_atom_site.id\n'1\n",
    "Send a PDB or mmCIF file",
    foreign.PDB,
    foreign.MMCIF,
)
case("no_protein_chain", "structure", b"HEADER    DNA\nEND\n", "the coordinates of a protein", foreign.PDB)
case("chain_too_long", "structure", foreign.PDB, "", pdb("MKT"), limit=(chains, "MAX_CHAIN", 5))
case("no_such_chain", "map", pdb(PARENT), "", {"chain": "A"}, chain="B")
case("structure_mismatch", "map", pdb("W" * 22), "", pdb(PARENT))
case("no_beta_atoms", "map", pdb(PARENT, atoms=("CA",)), "", pdb(PARENT))

# Numberings
case("bad_numbering", "numbering", "1 2 3\n", "", "\n".join(map(str, range(1, 23))))
case(
    "missing_column",
    "numbering",
    "what,residue\n1,M\n",
    "Name one of them number",
    "number\n" + "\n".join(map(str, range(5, 27))),
)
case(
    "bad_offset",
    "form",
    '{"offset": "x", "skip": "", "labels": ""}',
    "Give a whole number",
    '{"offset": "23", "skip": "", "labels": ""}',
)
case(
    "two_numberings",
    "form",
    '{"offset": "3", "skip": "", "labels": "1 2 3"}',
    "Give one of the two",
    '{"offset": "3", "skip": "", "labels": ""}',
    '{"offset": "", "skip": "", "labels": "1 2 3"}',
)
case("bad_numbering", "params", '{"numbering": "x"}', "", '{"numbering": {"start": 1, "skip": [3]}}')

# Numbers that are those of another numbering
SHIFTED = "".join(f"{letter}{number + 23}A\n" for number, letter in enumerate(PARENT, 1) if letter != "A")
case(
    "wrong_offset",
    "library",
    SHIFTED,
    "Set the numbering offset to 23",
    {"rules": scored(numbering=Numbering.shifted(23))},
    rules=scored(),
)
LONGER = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAV"
SKIPPED = "".join(f"{letter}{number + (number > 25)}A\n" for number, letter in enumerate(LONGER, 1) if letter != "A")
case(
    "wrong_numbering",
    "library",
    SKIPPED,
    "skip the numbers 26",
    {"rules": scored(parent=LONGER, numbering=Numbering.skipping(1, [26]))},
    rules=scored(parent=LONGER),
)
case("assay_mismatch", "names", "mutant,score,other\nx1,1,K2R\ny2,2,T3S\n", "", {"variant_column": "other"})
case(
    "assay_mismatch",
    "names",
    "hgvs_pro,score,other\np.Lys2Ter,1,K2R\np.Thr3Ter,2,T3S\n",
    "Choose another column",
    {"variant_column": "other"},
)
