"""Check the English of docstrings, comments and documents: a word list, and sentences of at most 25 words.

Run without arguments for the whole project, or with files and folders. Prints one line per finding, and exits with 1
if there is any. The rules are in CONTRIBUTING.md. Quoted code (`...`) is left out.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 25
"""Words in one sentence."""

AVOID = {
    r"of which": "name the thing again, or start a new sentence",
    r"of whom": "name the person again",
    r"nobody": '"no one", or say who',
    r"whoever|whosoever|whomever": "say who",
    r"whatever|whichever|wherever": 'say "any", "every" or "if"',
    r"told of|tells? of|is told": '"reports", "lists" or "receives"',
    r"stands? (?:in|for|beside|there|over|above)": '"is in", "means" or "overrides"',
    r"hereby|therein|thereof|whereof|whereby": "use plain words",
    r"lest|save for|for want of|but for": '"so that ... not", "except", "without"',
    r"be it|were it|had it": 'use "if"',
    r"(?:has|have|had) not (?:a|any)\b": '"has no"',
    r"no longer counts?": '"is revoked" or "has expired"',
    r"in vain": "say what happens",
    r"laid? (?:beside|over)|lay beside": '"compared with" or "attached to"',
    r"what is what": "name the things",
    r"where (?:it|there|they|that|this|none|one) (?:is|are|was|has|have|does|do|can|cannot|fails?)"
    r"(?: (?:no|none|not|nothing|one|any|some|been|asked|given|wanted|set))?": 'a condition takes "if" or "when"',
    r"where (?:missing|left out|absent|asked|wanted|needed|given|possible|available)": 'use "if" or "when"',
}
"""Pattern -> what to write instead. Only whole words match."""

VERB_FIRST = re.compile(r"^(?:gives?|says?|tells?|makes? it)\b", re.IGNORECASE)
SKIPPED = ("node_modules", ".venv", "migrations", "dist", ".git", "static", ".hypothesis")
SUFFIXES = (".py", ".md", ".ts")
CODE = re.compile(r"``[^`]*``|`[^`\n]*(?:\n[^`\n]*)?`")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
END = re.compile(r"(?<=[.!?:;])[\"”)\]]*\s+(?=[\"“(\[*_`]*[A-Z0-9`])|\n\s*\n|\n\s*(?:[-*]|\d+\.)\s+|\n(?=[├│└])")
TICK = "Code"


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, sentence) of prose. Inline code counts as one word."""

    def blank(match: re.Match[str]) -> str:
        return TICK + " " * (len(match.group()) - len(TICK)) if len(match.group()) > len(TICK) else match.group()

    flat = LINK.sub(lambda m: m.group(1).ljust(len(m.group())), CODE.sub(blank, text))
    start = 0
    for match in [*END.finditer(flat), None]:
        stop = match.start() if match else len(flat)
        piece = flat[start:stop]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), piece.strip()
        start = match.end() if match else stop


def python_prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each docstring, and of each run of comments in consecutive lines."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            for one in body:
                value = one.value if isinstance(one, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield one.lineno, value.value
    run: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        text, line = token.string.lstrip("#!: "), token.start[0]
        if text.startswith(("noqa", "type:", "pragma", "/usr/bin", "---", "fmt:")):
            continue
        text = re.split(r"\s+#\s*(?:noqa|type:)", text)[0]
        if run and line == last + 1:
            run.append(text)
        else:
            if run:
                yield first, "\n".join(run)
            run, first = [text], line
        last = line
    if run:
        yield first, "\n".join(run)


def script_prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each comment of a TypeScript file."""
    pattern = re.compile(r"/\*(.*?)\*/|(?:(?<=^)|(?<=\s))//[^\n]*(?:\n[ \t]*//[^\n]*)*", re.DOTALL | re.MULTILINE)
    for match in pattern.finditer(source):
        lines = [re.sub(r"^\s*(?:/\*+|//+|\*/|\*)?\s?", "", line) for line in match.group().split("\n")]
        text = "\n".join(lines).removesuffix("*/")
        if not text.lstrip().startswith(("eslint", "@ts", "/ <ref")):
            yield source.count("\n", 0, match.start()) + 1, text


def page_prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of each paragraph of a document. Code blocks and tables are left out of it."""
    fenced, run, first = False, list[str](), 0
    for number, line in enumerate([*source.split("\n"), ""], 1):
        fence = line.lstrip().startswith("```")
        plain = not fenced and not fence and not line.startswith(("|", "    ", "#", "<")) and line.strip()
        item = bool(re.match(r"\s*(?:[-*]|\d+\.)\s", line))
        if run and (not plain or item):
            yield first, "\n".join(run)
            run = []
        if plain:
            first = first if run else number
            run.append(re.sub(r"^\s*(?:[-*]|\d+\.)\s+", "", line))
        fenced ^= fence


def findings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, message) of one file."""
    source = path.read_text()
    prose = {".py": python_prose, ".ts": script_prose, ".md": page_prose}[path.suffix]
    for line, text in prose(source):
        for offset, sentence in sentences(text):
            at = line + text.count("\n", 0, offset)
            count = len(re.findall(r"[A-Za-z0-9][\w'.,/-]*", sentence))
            if count > LONGEST:
                yield at, f"{count} words in one sentence: {' '.join(sentence.split())[:60]}..."
            for pattern, instead in AVOID.items():
                for match in re.finditer(rf"\b(?:{pattern})\b", sentence, re.IGNORECASE):
                    yield at, f'"{match.group()}": {instead}'
            if offset == 0 and path.suffix == ".py" and VERB_FIRST.match(sentence):
                yield at, f'starts with "{sentence.split()[0]}": use "Return"'


def files(arguments: list[str]) -> Iterator[Path]:
    """Yield the files to check: those under the arguments, or all that git knows."""
    if arguments:
        for name in arguments:
            path = Path(name)
            yield from sorted(path.rglob("*")) if path.is_dir() else [path]
        return
    known = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    for name in known.stdout.splitlines():
        yield ROOT / name


def main(arguments: list[str]) -> int:
    """Print the findings and return the exit status."""
    count = 0
    for path in files(arguments):
        if path.suffix not in SUFFIXES or not path.is_file() or set(path.parts) & set(SKIPPED):
            continue
        for line, message in sorted(set(findings(path))):
            count += 1
            print(f"{path.relative_to(ROOT) if path.is_absolute() else path}:{line}: {message}")
    if count:
        print(f"{count} findings; the rules are in CONTRIBUTING.md", file=sys.stderr)
    return bool(count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
