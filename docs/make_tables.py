"""Write the tables of docs/actions.md, docs/maps.md and docs/settings.md from the program and from .env.example.

`python docs/make_tables.py` writes them; with `--check` it prints the pages that differ, and exits with 1 if any does.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from e1client.analysis_cli import ANALYSIS_PARAMETERS
from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.actions.base import Action

DOCS = Path(__file__).resolve().parent
ENVIRONMENT = DOCS.parent / ".env.example"
HEAD = "| parameter | type | default | limits | meaning |\n|---|---|---|---|---|\n"
BLOCK = re.compile(r"(<!-- made: (?P<name>[\w ]+) -->\n)(?:\|[^\n]*\n)*(?=<!-- end -->)")
SETTING = re.compile(r"#?\s*([A-Z][A-Z0-9_]+)=(.*)")
KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
MANY = {"string": "texts", "integer": "whole numbers", "object": "objects"}


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them; return the exit status."""
    different = [page for page in pages() if page.read_text(encoding="utf-8") != filled(page)]
    for page in different:
        if "--check" in arguments:
            print(f"{page.name} differs: run `python docs/make_tables.py`")
        else:
            page.write_text(filled(page), encoding="utf-8")
            print(f"wrote {page.name}")
    return int(bool(different) and "--check" in arguments)


def pages() -> list[Path]:
    """Return the pages with tables that this script makes."""
    return [DOCS / "actions.md", DOCS / "maps.md", DOCS / "settings.md"]


def filled(page: Path) -> str:
    """Return the text of a page with every made table as it is now."""
    return BLOCK.sub(lambda match: match[1] + made(match["name"]) + "\n", page.read_text(encoding="utf-8"))


def made(name: str) -> str:
    """Return the table of an action, of the analyses, or of a section of .env.example."""
    if name == "analyses":
        return "| kind | parameter | meaning |\n|---|---|---|\n" + "\n".join(analysis_rows())
    if name in ACTIONS:
        return HEAD + "\n".join(parameter_rows(ACTIONS[name]))
    return "| setting | default or example | meaning |\n|---|---|---|\n" + "\n".join(setting_rows(name))


def parameter_rows(action: Action) -> Iterator[str]:
    """Yield a row for each parameter of an action."""
    by_model = {slug: action.params_schema(facts) for slug, facts in MODELS.items()}
    schema = next(iter(by_model.values()))
    for name, one in schema["properties"].items():
        if name in schema.get("required", ()):
            default = "none: it is required"
        else:
            default = f"`{json.dumps(one['default'])}`" if "default" in one else "left out"
        each = {slug: limits_of(whole["properties"][name]) for slug, whole in by_model.items()}
        yield f"| `{name}` | {kind_of(one)} | {default} | {joined(each)} | {cell(one['description'])} |"


def analysis_rows() -> Iterator[str]:
    """Yield a row for each parameter of each kind of analysis."""
    for kind, texts in ANALYSIS_PARAMETERS.items():
        for name, text in texts.items():
            yield f"| `{kind}` | `{name}` | {cell(text)} |"


def kind_of(schema: Mapping[str, Any], *, many: bool = False) -> str:
    """Return the type of a value, or of several, in words."""
    if options := schema.get("oneOf"):
        return " or ".join(dict.fromkeys(kind_of(one, many=many) for one in options))
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = MANY if many else KINDS
    lists = "lists of" if many else "list of"
    each = (
        f"{lists} {kind_of(schema['items'], many=True)}" if one == "array" else words.get(one, one) for one in kinds
    )
    return " or ".join(each)


def limits_of(schema: Mapping[str, Any]) -> str:
    """Return the limits of a value in words, "" without any."""
    values = schema.get("items", schema)
    found = []
    if "enum" in values:
        found.append(", ".join(f"`{value}`" for value in values["enum"]))
    if "minimum" in values and "maximum" in values:
        found.append(f"{values['minimum']:,} to {values['maximum']:,}")
    if schema.get("minItems") == 1:
        found.append("not empty")
    if "maxItems" in schema:
        found.append(f"{schema['maxItems']} at most")
    return "; ".join(found)


def joined(each: Mapping[str, str]) -> str:
    """Return limits by model as one text, with the models only if they differ."""
    models: dict[str, list[str]] = {}
    for slug, text in each.items():
        models.setdefault(text, []).append(slug)
    if len(models) == 1:
        return next(iter(models))
    return "; ".join(f"{text} ({', '.join(slugs)})" for text, slugs in models.items())


def setting_rows(section: str) -> Iterator[str]:
    """Yield a row for each group of settings in a section of .env.example: those below one comment."""
    text, names = "", list[tuple[str, str]]()
    lines = section_lines(section)
    for line in [*lines, "#"]:
        setting = SETTING.fullmatch(line)
        if setting:
            names.append((setting[1], setting[2]))
            continue
        if names:
            defaults = ", ".join(f"`{value}`" if value else "empty" for _, value in names)
            yield f"| {', '.join(f'`{name}`' for name, _ in names)} | {defaults} | {cell(text)} |"
            text, names = "", []
        text = f"{text} {line.removeprefix('#').strip()}".strip()


def section_lines(section: str) -> list[str]:
    """Return the lines of a section without its title and empty lines."""
    parts = re.split(r"^# --- (.+?) -+\n", ENVIRONMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return [line for line in sections[section].splitlines() if line.strip()]


def cell(text: str) -> str:
    """Return a text for a cell of a table, with links to the documents that it names."""
    return re.sub(r"\bdocs/([\w-]+\.md)", r"[\1](\1)", text).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
