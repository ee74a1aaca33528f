"""Pages of the site that are made from the repository: the ruleset reference, the API, the criteria, the changelog, the examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of the folder."""
    for path, text in generated().items():
        files.append(File.generated(config, path, content=text))
    return files


def generated() -> dict[str, str]:
    """Path and text of every generated page."""
    pages = {
        "reference/ruleset.md": ruleset_reference(),
        "reference/api.md": api_reference(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        "examples.md": _examples(),
    }
    for page in sorted(ROOT.glob("rulesets/*/README.md")):
        pages[f"reference/criteria/{page.parent.name}.md"] = _inside(page)
    return pages


# The ruleset reference: every key with its values, from the schema that validates it ---------------------------------------


def ruleset_reference() -> str:
    """The keys of a ruleset by kind, each with its type, choices, default and meaning."""
    schema = json.loads((ROOT / "schemas" / "ruleset.schema.json").read_text(encoding="utf-8"))
    lines = [
        "# Ruleset reference", "",
        "Made from `schemas/ruleset.schema.json`, which validates rulesets and completes them in editors.",
        "`rules-engine schema` writes the same with the options of the plugins that you have installed.",
        "How rulesets are written: [rulesets](../rulesets.md).",
    ]  # fmt: skip
    for branch in schema["allOf"]:
        kind = branch["if"]["properties"]["kind"]["const"]
        lines += ["", f"## Kind `{kind}`", "", *_keys(branch["then"], schema, (), 3)]
    return "\n".join(lines) + "\n"


#: Sections whose keys get headings of their own; below these a table is enough.
_DEEPEST = 4


def _keys(part: Mapping[str, Any], schema: Mapping[str, Any], path: tuple[str, ...], level: int) -> Iterator[str]:
    part = _resolved(part, schema)
    rows = []
    sections = []
    for name, below in _properties(part, schema).items():
        below = _resolved(below, schema)
        rows.append(f"| `{name}` | {_type(below, schema)} | {_cell(str(below.get('description', '')))} |")
        inside = (
            _resolved(below.get("additionalProperties", {}), schema)
            if _has(below.get("additionalProperties"))
            else below
        )
        if _properties(inside, schema):
            sections.append((name, inside, inside is not below))
    if rows:
        yield from ("| key | value | meaning |", "|---|---|---|", *rows, "")
    for name, inside, by_name in sections:
        full = (*path, name, *(("NAME",) if by_name else ()))
        if level <= _DEEPEST + 1:
            yield from (f"{'#' * min(level, 6)} `{'.'.join(full)}`", "")
            yield from _keys(inside, schema, full, level + 1)


def _has(schema: Any) -> bool:
    return isinstance(schema, Mapping) and bool(schema)


def _resolved(part: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(part, Mapping):
        if "$ref" in part:
            found.update(_resolved(schema["$defs"][part["$ref"].removeprefix("#/$defs/")], schema))
        found.update({key: value for key, value in part.items() if key != "$ref"})
    return found


def _properties(part: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a mapping, those of every branch of it included."""
    found = dict(part.get("properties", {}))
    for word in ("allOf", "anyOf", "oneOf"):
        for below in part.get(word, ()):
            branch = _resolved(below, schema)
            for inner in (branch, _resolved(branch.get("then", {}), schema)):
                for name, value in _properties(inner, schema).items():
                    known = found.get(name)
                    found[name] = value if known is None or not _resolved(known, schema) else known
    return found


def _type(part: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "const" in part:
        told = f"`{part['const']}`"
    elif "enum" in part:
        told = ", ".join(f"`{_written(value)}`" for value in part["enum"])
    else:
        kinds = part.get("type", ())
        told = " or ".join([kinds] if isinstance(kinds, str) else kinds)
        for word in ("anyOf", "oneOf"):
            told = told or " or ".join(
                filter(None, (_type(_resolved(below, schema), schema) for below in part.get(word, ())))
            )
        if "items" in part:
            told += f" of {_type(_resolved(part['items'], schema), schema) or 'anything'}"
    for word, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤")):
        if word in part:
            told += f", {sign} {part[word]}"
    if "default" in part:
        told += f"; default `{_written(part['default'])}`"
    return _cell(told)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


# The API: the public names, from their docstrings ---------------------------------------------------------------------------


def api_reference() -> str:
    """The public names with their docstrings."""
    import rules_engine

    lines = ["# The API", "", "The public names, as promised in [inside another program](../embedding.md).", ""]
    for name, home in rules_engine._HOMES.items():
        lines += [
            f"::: rules_engine.{home}.{name}",
            "    options:",
            "      show_root_heading: true",
            "      heading_level: 2",
            "",
        ]
    return "\n".join(lines)


# Pages that stand elsewhere in the repository --------------------------------------------------------------------------------


def _examples() -> str:
    """The page of the examples, with their texts."""
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\[`([\w.]+)`\]\([\w.]+\)", r"`\1`", text)
    for file in sorted((ROOT / "examples").iterdir()):
        if file.suffix in (".py", ".R"):
            language = "python" if file.suffix == ".py" else "r"
            text += f"\n## `{file.name}`\n\n```{language}\n{file.read_text(encoding='utf-8')}```\n"
    return text


def _inside(page: Path) -> str:
    """A page of a ruleset folder; what it links to in the repository is named instead."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"\[([^\]]+)\]\((?!https?://|#)([^)]+)\)", r"\1 (`\2`)", text)
