"""Score sets as MaveDB sends them, made by code: every single substitution, and rows of every other kind."""

from __future__ import annotations

from dataclasses import dataclass

from e1protocol import CANONICAL
from jobs.parsing.three_letters import THREE_LETTERS

LONG = {one: three.capitalize() for three, one in THREE_LETTERS.items()}
HEAD = "accession,hgvs_nt,hgvs_splice,hgvs_pro,score,sd,exp.score"
PARENT = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVK"


@dataclass(frozen=True)
class ScoreSet:
    """A table, the variants that can be scored in its order, and how many rows of each kind cannot."""

    text: str
    written: list[str]
    left_out: dict[str, int]

    @property
    def rows(self) -> int:
        return len(self.written) + sum(self.left_out.values())


def score_set(parent: str = PARENT) -> ScoreSet:
    """Return a score set of `parent` with more than a thousand rows."""
    singles = [
        f"p.{LONG[wild]}{at}{LONG[mutant]}"
        for at, wild in enumerate(parent, start=1)
        for mutant in CANONICAL
        if mutant != wild
    ]
    last = f"{LONG[parent[-1]]}{len(parent)}"
    first, second = (f"{LONG[wild]}{at}" for at, wild in enumerate(parent[:2], start=1))
    third = LONG[parent[2]]
    written = [
        "_wt",
        *singles,
        singles[0],
        singles[0],
        "p.=",
        f"p.[{singles[0][2:]};{last}Trp]",
        f"p.({singles[-1][2:]})",
    ]
    others = {
        "synonymous": [f"p.{LONG[wild]}{at}=" for at, wild in enumerate(parent, start=1)]
        + ["_sy", f"p.[{last}=;{first}=]"],
        "stop": [f"p.{LONG[wild]}{at}Ter" for at, wild in enumerate(parent, start=1)]
        + [f"p.[{singles[0][2:]};{last}Ter]"],
        "frame_shift": [f"p.{second}fs", f"p.{second}{third}fsTer9"],
        "extension": [f"p.Ter{len(parent) + 1}GlnextTer17", "p.Met1ext-5"],
        "deletion": [f"p.{second}del", f"p.{second}_{third}3del", f"p.[{singles[0][2:]};{last}del]"],
        "insertion": [f"p.{second}_{third}3insGlyAla"],
        "duplication": [f"p.{second}dup"],
        "deletion_insertion": [f"p.{second}delinsTrpVal"],
        "other_residue": [f"p.{second}Xaa", f"p.{second}Sec"],
        "unknown": ["p.?", "p.Met1?"],
        "no_variant": ["NA", "NA", "NA"],
    }
    rows = _mixed(written, [name for names in others.values() for name in names])
    lines = [HEAD, *(_line(number, name) for number, name in enumerate(rows, start=1))]
    return ScoreSet("\n".join(lines) + "\n", written, {kind: len(names) for kind, names in others.items()})


def _mixed(written: list[str], others: list[str]) -> list[str]:
    """Return both lists, the second spread over the first, each in its own order."""
    step = len(written) // len(others)
    rows: list[str] = []
    for at, name in enumerate(written):
        rows.append(name)
        if at % step == 0 and others:
            rows.append(others.pop(0))
    return rows + others


def _line(number: int, name: str) -> str:
    """Return a row; the score is its number in thousandths, and some columns are NA as MaveDB writes them."""
    nucleotides = "NA" if number % 3 else f"c.[{number}A>T;{number + 1}G>C]"
    return f"urn:mavedb:00000099-a-1#{number},{nucleotides},NA,{name},{number / 1000:g},NA,{number % 7}.5"
