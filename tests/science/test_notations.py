"""Variants as people write them: every notation gives the same variant, and what is none is named."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.errors import InvalidInput
from jobs.parsing.records import Place
from jobs.parsing.three_letters import THREE_LETTERS
from jobs.science.variants.codes import Mutation, Variant, read_variant
from jobs.science.variants.notations import Kind, changes_of, is_notation
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.rules import VariantRules

PARENT = "MKTAYIAKQRQISFVKSHFSRQ"
LONG = {one: three.capitalize() for three, one in THREE_LETTERS.items()}


ONE = [
    "A4T", "a4t", "p.Ala4Thr", "p.(Ala4Thr)", "p.A4T", "Ala4Thr", "ALA4THR", "P.ALA4THR", "(p.Ala4Thr)", "p.ala4T",
    "ALAA4THR", "AlaB4Thr",
    "AA4T;", "AA4T", "p.[Ala4Thr]", "NP_000537.3:p.Ala4Thr", "P62593:p.(Ala4Thr)", "TP53:p.A4T", " A4T\t", "A004T",
    "p.[Ala4Thr;Lys8=]", "A4T:K8K", "p.Ala4Thr;Lys8=", "AA4T,AB4T;",
]  # fmt: skip


@pytest.mark.parametrize("text", ONE)
def test_one_substitution_in_each_notation(text):
    assert read_variant(text, PARENT).code() == "A4T"


TWO = [
    "A4T:K8R", "K8R:A4T", "A4T;K8R", "A4T/K8R", "A4T,K8R", "A4T, K8R", "A4T+K8R", "A4T_K8R", "A4T K8R", "A4T-K8R",
    "p.[Ala4Thr;Lys8Arg]", "p.([Ala4Thr;Lys8Arg])", "p.[(Ala4Thr);(Lys8Arg)]", "p.Ala4Thr;p.Lys8Arg", "[A4T;K8R]",
    "p.Ala4Thr, p.Lys8Arg", "Ala4Thr_Lys8Arg", "p.Ala4Thr_p.Lys8Arg", "AA4T,KA8R;", "NP_1.1:p.[Ala4Thr;Lys8Arg]",
]  # fmt: skip


@pytest.mark.parametrize("text", TWO)
def test_two_substitutions_in_each_notation_and_in_any_order(text):
    assert read_variant(text, PARENT).code() == "A4T:K8R"


NONE = [
    "WT", "wt", "_wt", "p.=", "p.(=)", "=", "wild type", "Wild-type", "wildtype", "_sy", "p.Ala4=", "p.(Ala4=)",
    "A4A", "A4=", "p.Ala4Ala", "p.[Ala4=;Lys8=]", "p.[=]", "p.Ter23=",
]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_the_parent_in_each_notation(text):
    assert read_variant(text, PARENT) == Variant()
    assert VariantRules(PARENT, SEQUENTIAL).problems(text, Place()) == []
    assert VariantRules(PARENT, SEQUENTIAL).cleaned(text)[0] == "WT"


OTHERS = {
    "stop": ["A4*", "p.Ala4Ter", "p.Ala4*", "Ala4Ter", "p.Ala4X", "p.A4X", "p.(Ala4Ter)", "A4ter"],
    "frame_shift": ["p.Arg10ProfsTer23", "p.Arg10fs", "R10fs", "p.(Arg10Profs*23)", "R10Pfs*23", "p.Arg10ProfsTer?"],
    "extension": ["p.Met1ext-5", "p.Ter23GlnextTer17", "p.*23Glnext*17", "p.Ter23Trp", "*23W"],
    "deletion": ["A4del", "p.Ala4del", "p.Ala4_Lys8del", "A4_K8del", "A4-", "p.(Ala4_Lys8del)", "del4", "del4-8",
                 "\N{GREEK CAPITAL LETTER DELTA}4", "\N{INCREMENT}A4", "4_8del", "p.Ala4_Lys8del5"],
    "insertion": ["K2_T3insG", "p.Lys2_Thr3insGlyAla", "p.Lys2_Thr3ins(5)"],
    "duplication": ["p.Ala4dup", "p.Ala4_Lys8dup", "4dup"],
    "deletion_insertion": ["p.Ala4delinsTrpVal", "p.Ala4_Lys8delinsGly", "A4_K8delinsGG", "A4delinsWV"],
    "unknown": ["p.?", "p.0", "p.0?", "p.Met1?", "M1?", "p.(?)"],
}  # fmt: skip
NAMED = {
    "extension": "start or stop codon",
    "stop": "stop codon",
    "unknown": "unknown",
    "deletion_insertion": "deletion with an insertion",
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in OTHERS.items() for text in texts])
def test_other_changes_are_refused_by_name_as_they_were_written(kind, text):
    (change,) = changes_of(text)
    assert change.kind == kind
    (problem,) = VariantRules(PARENT, SEQUENTIAL).problems(VariantRules(PARENT, SEQUENTIAL).cleaned(text)[0], Place())
    assert NAMED.get(kind, kind.replace("_", " ")) in problem.message
    assert text in problem.message, "as it was written"
    assert problem.code == {"stop": "bad_letter", "unknown": "bad_variant"}.get(kind, "indel")
    assert problem.remedy


def test_changes_of_the_length_are_applied_for_pseudo_log_likelihoods():
    """MKTAYIAKQRQISFVKSHFSRQ with the changes done by hand."""
    rules = VariantRules(PARENT, SEQUENTIAL, lengths=True)
    for text, wanted in {
        "p.Ala4del": "MKTYIAKQRQISFVKSHFSRQ",
        "A4-": "MKTYIAKQRQISFVKSHFSRQ",
        "p.(Ala4_Lys8del)": "MKTQRQISFVKSHFSRQ",
        "p.Lys2_Thr3insGlyAla": "MKGATAYIAKQRQISFVKSHFSRQ",
        "K2_T3insGA": "MKGATAYIAKQRQISFVKSHFSRQ",
        "p.Ala4dup": "MKTAAYIAKQRQISFVKSHFSRQ",
        "p.Thr3_Ala4dup": "MKTATAYIAKQRQISFVKSHFSRQ",
        "p.Ala4delinsTrpVal": "MKTWVYIAKQRQISFVKSHFSRQ",
        "p.[Lys2Arg;Ala4del;Gln22Trp]": "MRTYIAKQRQISFVKSHFSRW",
        "Q22W_A4del": "MKTYIAKQRQISFVKSHFSRW",
        "A4T:K2_T3insG": "MKGTTYIAKQRQISFVKSHFSRQ",
    }.items():
        assert rules.cleaned(text) == (wanted, {"notation"}), text
        assert rules.problems(wanted, Place()) == []


@pytest.mark.parametrize("lengths", [False, True])
def test_a_deletion_with_as_many_residues_inserted_is_substitutions(lengths):
    """HGVS describes changes of neighbours like this."""
    rules = VariantRules(PARENT, SEQUENTIAL, lengths=lengths)
    assert rules.cleaned("p.Ala4_Tyr5delinsThrPhe") == ("A4T:Y5F", {"notation"})
    assert rules.cleaned("A4_Y5delinsAF") == ("Y5F", {"notation"})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("p.Gly4del", "wrong_wild_type"),
        ("p.Ala4_Gly8del", "wrong_wild_type"),
        ("p.Lys8_Ala4del", "bad_variant"),
        ("p.Lys2_Ala4insGly", "bad_variant"),
        ("p.Lys2insGly", "bad_variant"),
        ("p.Ala4_Lys8del;A4T", "position_twice"),
        ("A4T;p.Ala4_Lys8del", "position_twice"),
        ("K2_T3insG:K2_T3insA", "position_twice"),
        ("p.Ala99del", "position_outside"),
        ("p.Met1_Gln22del", "empty_sequence"),
        ("K2_T3insGX", "bad_letter"),
        ("K2_T3insG*", "bad_letter"),
        ("p.Ala4Ter", "bad_letter"),
        ("p.Arg10fs", "indel"),
        ("del4", "indel"),
        ("p.Ala4X", "bad_letter"),
        (":".join(f"{PARENT[0]}1_{PARENT[n]}{n + 1}dup" for n in range(1, 22)) + ":p.Met1_Lys2ins" + "Gly" * 2100,
         "sequence_too_long"),
    ],
)  # fmt: skip
def test_a_wrong_change_of_the_length_is_refused(text, code):
    rules = VariantRules(PARENT, SEQUENTIAL, lengths=True)
    problems = rules.problems(rules.cleaned(text)[0], Place())
    assert code in [problem.code for problem in problems], problems
    assert all(problem.remedy for problem in problems)


def test_a_range_of_a_deletion_is_no_join_and_joined_deletions_are():
    assert [change.written for change in changes_of("p.Ala4_Lys8del")] == ["p.Ala4_Lys8del"]
    assert [change.written for change in changes_of("A4del_K8R")] == ["A4del", "K8R"]
    assert [change.kind for change in changes_of("A4T_K8del")] == [Kind.SUBSTITUTION, Kind.DELETION]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Ala4Tht", "'Ala4Tht'"),
        ("K2R|T3S", "'K2R|T3S'"),
        ("K2R_T3", "'K2R_T3'"),
        ("A4T:", "there is no variant"),
        ("p.[Ala4Thr];[Lys8Arg]", "'p.[Ala4Thr]'"),
        ("p.[Ala4Thr(;)Lys8Arg]", "'Ala4Thr('"),
        ("p.foo", "'p.foo'"),
        ("foo", "'foo'"),
        ("K 2 R", "'K'"),
        ("p.Gly4Thr", "'p.Gly4Thr' names G, but the parent has A there"),
        ("p.Ala99Thr", "'p.Ala99Thr' lies outside the parent"),
        ("KB4R;", "KB4R names K"),
        ("A4X", "A4X names X, the stop codon of older notations or any residue"),
        ("p.Ala4Sec", "'p.Ala4Sec' names U"),
        ("A4T:A4G", "residue 4 is named more than once"),
        ("AA4T,AB4G;", "residue 4 is named more than once"),
        ("AA4T,AA4T;", "residue 4 is named more than once"),
        ("A4BT", "A4BT names residue 4B, and the numbering has no insertion letters"),
    ],
)
def test_messages_quote_what_was_written(text, quoted):
    rules = VariantRules(PARENT, SEQUENTIAL)
    messages = [problem.message for problem in rules.problems(rules.cleaned(text)[0], Place(record=text))]
    assert quoted in messages[0]


@pytest.mark.parametrize(
    ("text", "cleaned", "flags"),
    [
        ("A4T", "A4T", set()),
        ("a4t", "A4T", {"lower_case"}),
        (" A4T ", "A4T", {"spaces"}),
        ("p.Ala4Thr", "A4T", {"notation"}),
        ("K8R:A4T", "A4T:K8R", {"notation"}),
        ("p.Gly4Thr", "p.Gly4Thr", set()),
        ("mktayiakqrqisfvkshfsrq", PARENT, {"lower_case"}),
    ],
)
def test_a_variant_is_stored_as_a_plain_code_and_counted(text, cleaned, flags):
    assert VariantRules(PARENT, SEQUENTIAL).cleaned(text) == (cleaned, flags)


def test_a_shifted_numbering_is_recognised_in_any_notation():
    rules = VariantRules(PARENT, SEQUENTIAL)
    for position, wild in enumerate(PARENT, start=1):
        rules.problems(f"p.{LONG[wild]}{position + 23}Cys", Place())
    hint = rules.hint()
    assert hint is not None
    assert "offset to 23" in hint.remedy
    assert read_variant("p.Ala27Thr", PARENT, numbering=Numbering.shifted(23)).mutations == (Mutation(4, "A", "T"),)


def _single(style, mutation, offset):
    wild, number, mutant = mutation.wild, mutation.position + offset, mutation.mutant
    return {
        "plain": f"{wild}{number}{mutant}",
        "small": f"{wild}{number}{mutant}".lower(),
        "three": f"{LONG[wild]}{number}{LONG[mutant]}",
        "hgvs": f"p.{LONG[wild]}{number}{LONG[mutant]}",
        "predicted": f"p.({LONG[wild]}{number}{LONG[mutant]})",
        "short hgvs": f"p.{wild}{number}{mutant}",
        "foldx": f"{wild}A{number}{mutant}",
        "shouted": f"P.{LONG[wild]}{number}{LONG[mutant]}".upper(),
    }[style]


STYLES = ["plain", "small", "three", "hgvs", "predicted", "short hgvs", "foldx", "shouted"]
JOINS = [":", ";", "/", ",", ", ", "+", "_", " ", "-"]


@st.composite
def written(draw):
    """Draw a parent, an offset, some substitutions of it, and a text that writes them in some notation."""
    parent = draw(st.text(alphabet=CANONICAL, min_size=1, max_size=40))
    offset = draw(st.integers(0, 300))
    positions = draw(st.lists(st.integers(1, len(parent)), unique=True, min_size=1, max_size=5))
    mutations = [
        Mutation(at, parent[at - 1], draw(st.sampled_from([c for c in CANONICAL if c != parent[at - 1]])))
        for at in positions
    ]
    if draw(st.booleans()):
        inner = ";".join(_single("three", mutation, offset) for mutation in mutations)
        return parent, offset, mutations, f"p.[{inner}]"
    style, join = draw(st.sampled_from(STYLES)), draw(st.sampled_from(JOINS))
    end = draw(st.sampled_from(["", ";", " ", "\n"]))
    return parent, offset, mutations, join.join(_single(style, mutation, offset) for mutation in mutations) + end


@given(written())
def test_substitutions_in_any_notation_are_the_same_variant(drawn):
    parent, offset, mutations, text = drawn
    numbering = Numbering.shifted(offset)
    wanted = Variant(tuple(sorted(mutations)))
    assert read_variant(text, parent, numbering=numbering) == wanted
    rules = VariantRules(parent, numbering)
    code, flags = rules.cleaned(text)
    assert code == wanted.code(numbering)
    assert rules.problems(code, Place()) == []
    assert bool(flags) == (code != text)


PIECES = st.sampled_from(
    [
        *"()[];_-:A4*=?KT",
        *(" ", "p.", "Ala", "23", "del", "ins", "fs", "Ter", "dup", "ext", "wt"),
        "\N{INCREMENT}",
        "\N{KELVIN SIGN}",
        "\x00",
        "\N{ARABIC-INDIC DIGIT FOUR}",
    ]
)


@given(st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=12).map("".join)))
@example("-")
@example("p.[]")
@example("_")
@example("p.")
@example(";")
def test_junk_is_a_variant_or_refused_with_a_quotation(text):
    for lengths in (False, True):
        rules = VariantRules(PARENT, SEQUENTIAL, lengths=lengths)
        cleaned, _ = rules.cleaned(text)
        problems = rules.problems(cleaned, Place(record="junk"))
        assert all(problem.remedy for problem in problems)
        if not problems and not lengths:
            variant = read_variant(cleaned, PARENT)
            assert read_variant(text, PARENT) == variant
            assert all(PARENT[one.position - 1] == one.wild for one in variant.mutations)
    try:
        read_variant(text, PARENT)
    except InvalidInput as error:
        if is_notation(text):
            parts = [change.written[:60] for change in changes_of(text)]
            message = error.problems[0].message
            assert any(part in message or repr(part) in message for part in parts) or "more than once" in message
