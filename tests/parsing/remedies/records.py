"""Refusals of records, items and contexts, and what comes of each if its remedy is followed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from jobs.parsing import bodies
from tests.parsing.reading import ENCODE, LOG_PROB, PREDICT
from tests.parsing.remedies.readers import SMALL, Case, case_in

CASES: list[Case] = []
case = partial(case_in, CASES)

# Letters and lengths of a record
case("bad_letter", "library", ">a\nMK-TA\n", "Remove the gaps", ">a\nMKTA\n")
case("bad_letter", "library", ">a\nMK*TA\n", "Remove this one, or end the sequence there", ">a\nMKTA\n", ">a\nMK*\n")
case("bad_letter", "library", ">a\nMJT\n", "Write L or I, or leave the record out", ">a\nMLT\n", ">a\nMIT\n")
case("bad_letter", "library", ">a\nMKT\n;x\nMK\n", "Remove comment lines", ">a\nMKT\nMK\n")
case("bad_letter", "library", ">a\nM\u0415T\n", "Replace it with the plain letter", ">a\nMET\n")
case("bad_letter", "library", ">a\nM7KT\n", "Remove numbers", ">a\nMKT\n")
case("bad_letter", "library", ">a\nM#T\n", "Use only the letters", ">a\nMXT\n")
case("bad_letter", "library", ">a\nMXT\n", "20 canonical residues only: replace it", ">a\nMKT\n", rules=LOG_PROB)
case(
    "mask_not_allowed", "library", ">a\nM?T\n", "write the residue, or choose predict", ">a\nMKT\n", {"rules": PREDICT}
)
case("no_mask", "library", ">a\nMKT\n", "Write '?' at each position", ">a\nM?T\n", {"rules": ENCODE}, rules=PREDICT)
case("accession", "library", ">a\nP12345\n", "Paste the sequence itself", ">a\nMKTAYI\n")
case(
    "words",
    "library",
    ">a kinase\nOS Homo sapiens\nMKTAYIAKQR\n",
    "Join a wrapped header",
    ">a kinase OS Homo sapiens\nMKTAYIAKQR\n",
)
case("words", "library", ">a\nMKT iakqrr MK\nTT\n", "remove the blanks inside it", ">a\nMKTiakqrrMK\nTT\n")
case("words", "library", "the protein\n", "without blanks inside it", "MKTAYI\n", name="x.txt")
case("words", "library", "Lysozyme\nMKTAYI\n", "Put a '>' before a title", ">Lysozyme\nMKTAYI\n", layout="join")
case("words", "library", "Mktayi\nMKTAYI\n", "write it in capitals", "MKTAYI\nMKTAYI\n", layout="lines")
case("bad_letter", "library", ">a\nMK\u200bT\n", "Remove it: it cannot be seen", ">a\nMKT\n")
case("bad_letter", "library", ">a\nMK\u00a0T\n", "Remove it: it cannot be seen", ">a\nMKT\n")
case("three_letters", "library", ">a\nMetLysThr\n", "Write one letter for each residue: MKT", ">a\nMKT\n")
case("three_letters", "library", "name,sequence\na,Met-Lys-Thr\n", "each residue: MKT", "name,sequence\na,MKT\n")
case("three_letters", "contexts", ">a\nMet Lys Thr\n", "each residue: MKT", ">a\nMKT\n")
case("header_in_line", "library", ">a\nMKT>b\nMK\n", "Put a line end before the '>'", ">a\nMKT\n>b\nMK\n")
case("header_in_line", "library", ">a\nMKT\n  >b\nMK\n", "and no blanks", ">a\nMKT\n>b\nMK\n")
case("control_character", "library", ">a\nMK\x02T\n", "Remove this control character", ">a\nMKT\n")
case("control_character", "library", ">a\x02b\nMKT\n", "Remove it", ">ab\nMKT\n")
case(
    "empty_sequence",
    "library",
    ">a\n>b\nMKT\n",
    "Add the sequence or remove the record",
    ">a\nMK\n>b\nMKT\n",
    ">b\nMKT\n",
)
case("sequence_too_long", "library", ">a\n" + "M" * 2049 + "\n", "Cut it into domains", ">a\n" + "M" * 2048 + "\n")
case("too_short", "library", ">a\nM\n", "Give a longer sequence", ">a\nMK\n", rules=replace(ENCODE, min_residues=2))
case(
    "position_outside",
    "library",
    ">a\nMKT\n",
    "Choose positions of the sequence",
    {"rules": replace(ENCODE, reach=3)},
    rules=replace(ENCODE, reach=4),
)
case(
    "bad_numbering",
    "library",
    ">a\nMKTA\n",
    "or submit this sequence apart",
    ">a\nMKT\n",
    {"rules": ENCODE},
    rules=replace(ENCODE, labels=3),
)
case("header_too_long", "library", ">" + "a" * 5000 + "\nMKT\n", "Shorten it", ">" + "a" * 4096 + "\nMKT\n")
case("invalid_records", "library", ">a\nMKT\n>b\nMJT\n", "", {"on_invalid": "skip"})

# Items
case("wrong_type", "items", '["MKT"]', "Write each item as", '[{"sequence": "MKT"}]')
case("wrong_type", "items", '[{"sequence": 3}]', "Put it in quotes", '[{"sequence": "MKT"}]')
case(
    "wrong_type",
    "items",
    '[{"sequence": "MKT", "context_sequences": "MK"}]',
    "also for a single one",
    '[{"sequence": "MKT", "context_sequences": ["MK"]}]',
)
case("unknown_field", "items", '[{"seq": "MKT"}]', "The fields are sequence", '[{"sequence": "MKT"}]')
case("missing_field", "items", '[{"name": "a"}]', "Add the residues as text", '[{"name": "a", "sequence": "MKT"}]')
case(
    "bad_name",
    "items",
    '[{"name": "a\\nb", "sequence": "MKT"}]',
    "remove line ends",
    '[{"name": "a b", "sequence": "MKT"}]',
)
case("bad_name", "library", '"name","sequence"\n"a\nb",MKT\n', "remove line ends", "name,sequence\na b,MKT\n")
WITHOUT = replace(ENCODE, context_allowed=False)
case(
    "context_not_allowed",
    "items",
    '[{"sequence": "MKT", "context_sequences": ["MK"]}]',
    "Remove the context",
    '[{"sequence": "MKT"}]',
    {"rules": ENCODE},
    rules=WITHOUT,
)
MANY = json.dumps([{"sequence": "MKT", "context_sequences": ["MK"] * 51}])
case("too_many_contexts", "items", MANY, "Choose fewer", MANY.replace('"MK", ', "", 1))
case(
    "empty_context",
    "items",
    '[{"sequence": "MKT", "context_sequences": [""]}]',
    "No context at all is an empty list",
    '[{"sequence": "MKT", "context_sequences": []}]',
    '[{"sequence": "MKT", "context_sequences": ["MK"]}]',
)
case(
    "mask_in_context",
    "items",
    '[{"sequence": "MKT", "context_sequences": ["M?"]}]',
    "or X if it is unknown",
    '[{"sequence": "MKT", "context_sequences": ["MX"]}]',
)
case(
    "context_too_long",
    "items",
    '[{"sequence": "MKT", "context_sequences": ["MKTAYI", "MKTAYI"]}]',
    "fewer or shorter",
    '[{"sequence": "MKT", "context_sequences": ["MKTAYI"]}]',
    rules=SMALL,
)
case(
    "bad_json",
    "library",
    '{"sequence": "MKT"}\n{"sequence": "MK\n',
    "Write one whole object on the line",
    '{"sequence": "MKT"}\n{"sequence": "MK"}\n',
)

# Bodies of requests
BODY = '{"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKT"}]}'
case("bad_body", "body", '[{"sequence": "MKT"}]', "a job has model, action, and items as a list", BODY)
case("bad_json", "body", BODY[:-1], "Check it with a JSON validator", BODY)
case("no_items", "body", '{"model": "e1-demo", "action": "encode"}', "Give a list such as", BODY)
case("unknown_field", "body", BODY[:-1] + ', "reader": 1}', "Choose from model", BODY)
case(
    "bad_on_invalid",
    "body",
    BODY[:-1] + ', "on_invalid": "drop"}',
    "reject or skip",
    BODY[:-1] + ', "on_invalid": "skip"}',
)
case("too_many_values", "body", BODY, "Upload the library as a file", limit=(bodies, "MAX_JSON_VALUES", 2))

# Contexts
case("empty_context", "contexts", "", "Give FASTA, or a JSON list", ">a\nMKT\n", '["MKT"]')
case("empty_context", "contexts", ">a\n>b\nMKT\n", "Add the sequence or remove the record", ">b\nMKT\n")
case("mask_in_context", "contexts", ">a\nM?T\n", "or X if it is unknown", ">a\nMXT\n")
case("bad_json", "contexts", '["MKT",', "a JSON list such as", '["MKT"]')
case("wrong_type", "contexts", '{"sequence": "MKT"}', "also for a single one", '["MKT"]')
case("context_too_long", "contexts", ">a\nMKTAYIAK\n>b\nMKTAYIAK\n", "fewer or shorter", ">a\nMKTAYIAK\n", rules=SMALL)
case("bare_lines", "contexts", "MKT\nMKA\n", "say what the lines are", {"layout": "join"}, {"layout": "lines"})
