"""A first mapping for a study, proposed from what its files show: tables, columns and codes.

The proposal is a protocol file with comments: what each file was taken for, which codes it holds, what was left aside, and what
is missing for which endpoint. It is tried on the data before it is shown, so that what stands in it can be run; whether it is
right is for a person to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import polars as pl
import yaml

from rules_engine.contracts import TABLES, Table
from rules_engine.errors import Problem, RulesEngineError, StudyError
from rules_engine.loading import load_ruleset
from rules_engine.registry import Registry, default_registry
from rules_engine.study.mapping import layout_tables
from rules_engine.study.needs import require_tables
from rules_engine.study.sources import Found, RawTable, find_tables, is_connection, shown_connection
from rules_engine.study.study import read_study
from rules_engine.study.therapies import DECIDED, Recognised, recognise

#: What an SDTM domain or ADaM data set is known by: columns that it has, and columns that it must not have.
_MARKS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "dm": (("usubjid", "rfstdtc", "arm"), ("trt01p", "paramcd", "trtsdt")),
    "ds": (("usubjid", "dsdecod"), ("paramcd",)),
    "ex": (("usubjid", "extrt"), ("paramcd",)),
    "cm": (("usubjid", "cmtrt"), ("paramcd", "trtsdt")),
    "pr": (("usubjid", "prtrt"), ("paramcd", "trtsdt")),
    "rs": (("usubjid", "rstestcd"), ("paramcd",)),
    "tr": (("usubjid", "trtestcd"), ("paramcd",)),
    "tu": (("usubjid", "tutestcd"), ("paramcd",)),
    "ae": (("usubjid", "aeterm"), ("trtsdt", "trt01a", "astdt")),
    "lb": (("usubjid", "lbtestcd", "lborres"), ("paramcd",)),
    "adsl": (("usubjid", "trtsdt"), ("paramcd", "aeterm", "cmtrt", "extrt")),
    "adae": (("usubjid", "aeterm", "astdt"), ()),
    "adlb": (("usubjid", "paramcd", "aval", "lbtestcd"), ()),
    "adrs": (("usubjid", "paramcd", "avalc", "adt"), ("lbtestcd", "aval_lb")),
}
_SDTM: Final = ("dm", "ds", "ex", "cm", "pr", "rs", "tr", "tu", "ae", "lb")
#: Domains of treatments, and the columns that may name one, the coded name first.
_NAMES_OF_TREATMENTS: Final = {"ex": ("extrt",), "cm": ("cmdecod", "cmtrt"), "pr": ("prdecod", "prtrt")}
#: Which domain feeds which input table, the preferred first.
_FEEDS: Final = {
    "subjects": ("adsl", "dm"), "treatments": ("ex", "adsl"), "lesion_assessments": ("tr",),
    "response_assessments": ("rs", "adrs"), "adverse_events": ("ae", "adae"), "labs": ("lb", "adlb"),
}  # fmt: skip
_CODES: Final = {
    "rs": ("rstestcd", "rscat", "rseval"), "tr": ("trtestcd", "treval", "trstresu"), "tu": ("tutestcd", "tustresc"),
    "ae": ("aerel",), "adae": ("aerel",), "ds": ("dsdecod",), "lb": ("lbcat",), "ex": ("extrt",), "adsl": ("trt01a",),
    "dm": ("actarm",), "adrs": ("paramcd",), "adlb": ("parcat1",),
}  # fmt: skip
_SHOWN: Final = 12
#: Words of a value or condition of the section `data`, and how long one may be to stand on one line.
_ON_ONE_LINE: Final = {"column", "where", "value"}
_LINE: Final = 100
_LIKE_ENOUGH: Final = 2


@dataclass
class Proposal:
    """The mapping (the section `data`), remarks on top, a remark for each domain, and what stands in the way of a run."""

    data: dict[str, Any]
    remarks: list[str] = field(default_factory=list)
    about: dict[str, list[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    def document(self, ruleset: str | None) -> dict[str, Any]:
        """The protocol that holds the mapping, over a ruleset where one is given."""
        own: dict[str, Any] = {"rules_engine": 1, "id": "my_study", "kind": "protocol"}
        if ruleset is not None:
            own["extends"] = [ruleset]
        else:
            own["extends"] = ["common"]
        return {**own, "title": "My study", **({"data": self.data} if self.data else {})}

    def as_yaml(self, ruleset: str | None, place: str) -> str:
        """The protocol as YAML with its remarks as comments."""
        lines = [
            f"# Proposed by `rules-engine map` from what is in {place}. Read every line before you use it:",
            "# it was made from names and codes alone.",
            *_comments(self.remarks),
        ]
        if self.missing:
            lines += ["#", "# Missing:", *_comments(self.missing, "- ")]
        if self.odd:
            lines += ["#", "# Odd in the data as mapped here:", *_comments(self.odd, "- ")]
        document = self.document(ruleset)
        data = document.pop("data", None)
        lines += _dumped(document).splitlines()
        if data:
            lines.append("data:")
            lines += self._data_lines(data)
        return "\n".join(lines) + "\n"

    def _data_lines(self, data: Mapping[str, Any]) -> Iterator[str]:
        for key, value in data.items():
            if not isinstance(value, Mapping):
                yield f"  {key}: {value}"
                continue
            yield f"  {key}:"
            for name, part in value.items():
                yield from (f"    # {text}" for text in self.about.get(name, ()))
                yield from _indented(_dumped({name: part}), 4)


def propose_mapping(source: Any, *, ruleset: str | None = None, registry: Registry | None = None) -> Proposal:
    """The proposal for the study at `source`, tried on its data; with `ruleset` also what its endpoints lack.

    Raises `StudyError` where the files cannot be read or hold nothing that is known.
    """
    registry = registry or default_registry()
    found = find_tables(source, registry, None)
    if found.problems and not found.tables:
        raise StudyError(found.problems)
    domains = _domains(found)
    proposal = _from_standards(found, domains) if domains else _from_names(found)
    proposal.remarks += [f"Not read: {_one_line(problem)}" for problem in found.problems]
    if ruleset is not None:
        _replace_parts(proposal.data, load_ruleset(ruleset, registry=registry).document.get("data") or {})
    plain = [name for name in TABLES if name in found.tables]
    if plain:
        proposal.remarks.append(f"Input tables that are there as they are: {', '.join(plain)}.")
    if not proposal.data and not plain:
        raise StudyError([_nothing(source, found)])
    _try(proposal, source, ruleset, registry)
    return proposal


def _replace_parts(data: dict[str, Any], stated: Mapping[str, Any]) -> None:
    """Take away the parts that the ruleset maps itself, so that the proposal stands in their place, not beside them."""
    for table, parts in (stated.get("tables") or {}).items():
        own = data.setdefault("tables", {}).setdefault(table, {}) if parts else {}
        for name, part in (parts or {}).items():
            if part is None and own.get(name, name) is None:
                del own[name]  # the ruleset leaves it out already
                continue
            if name in own and own[name] is not None:
                own[f"{name}_as_found"] = own[name]
            if name not in layout_tables(data.get("layout", "tables")).get(table, {}) or name in own:
                own[name] = None


def _nothing(source: Any, found: Found) -> Problem:
    where = shown_connection(source) if is_connection(source) else str(source)
    return Problem(
        where, f"nothing in it is known: {', '.join(sorted(found.tables)) or 'no table'}",
        "name files after the input tables, SDTM domains or ADaM data sets, or write the section `data` by hand",
    )  # fmt: skip


# SDTM and ADaM --------------------------------------------------------------------------------------------------------


def _domains(found: Found) -> dict[str, list[RawTable]]:
    """The files of each domain or data set, the one with the most rows first."""
    domains: dict[str, list[RawTable]] = {}
    for name, table in found.tables.items():
        if name not in TABLES and (domain := _domain_of(name, table)):
            domains.setdefault(domain, []).append(table)
    return {
        domain: sorted(tables, key=lambda table: (table.name != domain, -_rows(table), table.name))
        for domain, tables in sorted(domains.items())
    }


def _domain_of(name: str, table: RawTable) -> str:
    """What a file is, by its columns; between several by its name. Empty where it is none that is known."""
    fitting = [
        domain
        for domain, (there, absent) in _MARKS.items()
        if set(there) <= set(table.schema) and not set(absent) & set(table.schema)
    ]
    named = [domain for domain in fitting if name == domain or name.startswith(domain)]
    return max(named or fitting, key=len, default="")


def _from_standards(found: Found, domains: Mapping[str, list[RawTable]]) -> Proposal:
    chosen = {table: next((one for one in feeds if one in domains), "") for table, feeds in _FEEDS.items()}
    if "tu" not in domains:
        chosen["lesion_assessments"] = ""
    layout = "sdtm" if any(domain in _SDTM for domain in chosen.values()) else "adam"
    data: dict[str, Any] = {"layout": layout}
    proposal = Proposal(data)
    used = {domain for domain in chosen.values() if domain}
    used |= {domain for domain in ("ds",) if domain in domains and chosen["subjects"] == "dm"}
    used |= {"tu"} if chosen["lesion_assessments"] else set()
    renamed = {domain: [domains[domain][0].name] for domain in sorted(used) if domains[domain][0].name != domain}
    if renamed:
        data["domains"] = renamed
    for domain in sorted(used):
        proposal.about[domain] = list(_about(domain, domains[domain]))
        if domain not in renamed:
            proposal.remarks += [f"{domain.upper()}: {text}" for text in proposal.about[domain]]
    tables = _tables(layout, chosen, domains)
    used |= _propose_treatments(proposal, domains, tables) if layout == "sdtm" else set()
    if tables:
        data["tables"] = tables
    for name in sorted(set(domains) - used):
        proposal.remarks.append(f"{name.upper()} is there and not used: {', '.join(t.name for t in domains[name])}.")
    for name, table in found.tables.items():
        if {"rdomain", "qnam", "qval"} <= set(table.schema):
            proposal.remarks.append(
                f"Qualifiers, not used: {name} (QNAM: {_codes(table, 'qnam')}); `qualifiers: [{name}]` in a part makes them columns of it."
            )
    unknown = sorted(
        name
        for name, table in found.tables.items()
        if name not in TABLES and not _domain_of(name, table) and "qnam" not in table.schema
    )
    if unknown:
        proposal.remarks.append(f"Not understood, and not used: {', '.join(unknown)}.")
    return proposal


def _propose_treatments(proposal: Proposal, domains: Mapping[str, list[RawTable]], tables: dict[str, Any]) -> set[str]:
    """Lay components and kinds of therapy, by name, over the layout; returns the domains beyond it that are read for them."""
    read = set()
    for domain, columns in _NAMES_OF_TREATMENTS.items():
        raw = domains[domain][0] if domain in domains else None
        name = next((column for column in columns if raw is not None and column in raw.schema), "")
        if raw is None or not name:
            continue
        recognised = recognise(_texts(raw, name))
        if domain == "ex" and recognised.unknown:
            proposal.remarks.append(f"EX, by {name.upper()}: {recognised.told()}; what is not recognised is `other`.")
        if not recognised.names:
            continue
        part = _part_of_treatments(domain, name.upper(), raw, recognised)
        parts = tables.setdefault("treatments", {})
        if domain == "ex" and parts.get("ex", {}) is None:
            continue  # another data set feeds the treatments
        parts[domain] = part
        if domain != "ex":
            read.add(domain)
            if raw.name != domain:
                proposal.data.setdefault("domains", {})[domain] = [raw.name]
            proposal.remarks.append(
                f"{domain.upper()} holds treatments of the disease by {name.upper()}: "
                + Recognised(recognised.known, []).told()
                + f"; {len(recognised.unknown)} other names are left out."
            )
    return read


def _part_of_treatments(domain: str, name: str, raw: RawTable, recognised: Recognised) -> dict[str, Any]:
    """A part of `treatments` by names: all of EX with its component; of CM and PR the rows that are recognised."""
    decided = {column: recognised.cases(name, column, "other" if domain == "ex" else None) for column in DECIDED}
    columns = {column: value for column, value in decided.items() if value is not None}
    if domain == "ex":
        return {"columns": {"component": columns["component"]}} if "component" in columns else {}
    there = {
        column: f"{domain.upper()}{suffix}"
        for column, suffix in (("start_date", "STDTC"), ("last_date", "ENDTC"), ("seq", "SEQ"))
        if f"{domain}{suffix.lower()}" in raw.schema
    }
    own = {"subject": "USUBJID", "treatment": name, **columns, **there}
    return {"from": domain, "where": [{"column": name, "in": recognised.names}], "columns": own}


def _texts(table: RawTable, column: str) -> list[str]:
    """Every value of a column, once."""
    values = table.rows.select(pl.col(column).cast(pl.String).str.strip_chars().drop_nulls().unique()).collect()
    return [text for text in values.to_series().to_list() if text]


def _tables(layout: str, chosen: Mapping[str, str], domains: Mapping[str, list[RawTable]]) -> dict[str, Any]:
    """What differs from the layout: parts of ADaM data sets over SDTM, and parts whose files are not used."""
    tables: dict[str, Any] = {}
    for table, domain in chosen.items():
        parts: dict[str, Any] = {}
        for name, part in layout_tables(layout).get(table, {}).items():
            if _bare(part["from"]) in domains and _bare(part["from"]) != domain:
                parts[name] = None
        if domain and layout == "sdtm" and domain.startswith("ad"):
            for name, part in layout_tables("adam")[table].items():
                parts[name] = _resolved(part, set(domains[domain][0].schema))
        if parts:
            tables[table] = parts
    return tables


def _resolved(part: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    """A part of a layout with the columns that are there, and without those that are not."""
    columns = {
        name: found for name, value in part["columns"].items() if (found := _resolved_value(value, known)) is not None
    }
    conditions = [found for condition in part.get("where", ()) if (found := _resolved_condition(condition, known))]
    return {"from": _bare(part["from"]), **({"where": conditions} if conditions else {}), "columns": columns}


def _resolved_value(value: Any, known: set[str]) -> Any:
    if isinstance(value, str):
        return value.removesuffix(" if any") if _bare(value) in known else None
    if isinstance(value, list):
        there = [name.removesuffix(" if any") for name in value if _bare(name) in known]
        return there[0] if len(there) == 1 else there or None
    if "column" in value and "cases" not in value:
        column = _resolved_value(value["column"], known)
        where = [_resolved_condition(condition, known) for condition in value.get("where", ())]
        if column is None or None in where:
            return None
        return {**value, "column": column, **({"where": where} if where else {})}
    return value


def _resolved_condition(condition: Mapping[str, Any], known: set[str]) -> dict[str, Any] | None:
    return (
        {**condition, "column": condition["column"].removesuffix(" if any")}
        if _bare(condition["column"]) in known
        else None
    )


def _about(domain: str, tables: Sequence[RawTable]) -> Iterator[str]:
    first, *others = tables
    yield f"{first.name}: {_rows(first):,} rows, {_subjects(first):,} subjects"
    for column in _CODES.get(domain, ()):
        if column in first.schema:
            yield f"{column.upper()}: {_codes(first, column)}"
    for other in others:
        yield f"not used: {other.name} ({_rows(other):,} rows); several files of a domain are read one below the other if listed"


def _codes(table: RawTable, column: str) -> str:
    counted = (
        table.rows.select(pl.col(column).cast(pl.String)).group_by(column).len().sort(["len", column], descending=[True, False])
    ).collect()  # fmt: skip
    told = [f"{'(missing)' if code is None else code} {count:,}" for code, count in counted.head(_SHOWN).iter_rows()]
    return ", ".join(told) + (f", and {counted.height - _SHOWN} more" if counted.height > _SHOWN else "")


# Names of a study's own ---------------------------------------------------------------------------------------------


def _from_names(found: Found) -> Proposal:
    """Tables of a hospital or registry, matched by names and their synonyms."""
    proposal = Proposal({})
    tables: dict[str, Any] = {}
    domains: dict[str, list[str]] = {}
    for name, raw in sorted(found.tables.items()):
        if name in TABLES:
            continue
        fitting = [
            (len(matched), table.name, matched) for table in TABLES.values() if (matched := _matched(table, raw))
        ]
        named = [one for one in fitting if _folded(name) in {_folded(word) for word in _synonyms()["tables"][one[1]]}]
        score, table_name, matched = max(named or fitting, default=(0, "", {}), key=lambda one: (one[0], one[1]))
        if score < _LIKE_ENOUGH or (not named and not set(TABLES[table_name].required) <= set(matched)):
            proposal.remarks.append(f"Not understood, and not used: {name} (columns {', '.join(raw.schema)}).")
            continue
        lacking = [column for column in TABLES[table_name].required if column not in matched]
        proposal.missing += [f"{table_name}: no column of {name} looks like {column!r}" for column in lacking]
        unused = [column for column in raw.schema if column not in matched.values()]
        proposal.about.setdefault(table_name, []).append(
            f"{name}: {_rows(raw):,} rows" + (f"; columns not used: {', '.join(unused)}" if unused else "")
        )
        domains.setdefault(name, [name])
        part = re.sub(r"\W+", "_", name).strip("_")
        values = _values(TABLES[table_name], raw, matched)
        if table_name == "treatments" and "treatment" in matched:
            values |= _decided_by_name(proposal, raw, matched)
        tables.setdefault(table_name, {})[part] = {"from": name, "columns": values}
    if tables:
        proposal.data = {"tables": tables}
    return proposal


def _decided_by_name(proposal: Proposal, raw: RawTable, matched: Mapping[str, str]) -> dict[str, Any]:
    """Component and kind of therapy by the treatment's name, where the study has no column that states them."""
    name = matched["treatment"]
    recognised = recognise(_texts(raw, name))
    proposal.about.setdefault("treatments", []).append(f"by name: {recognised.told() or 'nothing'}")
    undecided = [column for column in DECIDED if column not in matched]
    found = {column: recognised.cases(name, column) for column in undecided}
    return {column: value for column, value in found.items() if value is not None}


def _matched(table: Table, raw: RawTable) -> dict[str, str]:
    """Column of the input table, and the study's column that has its name or one like it; each is used once."""
    by_folded = {_folded(column): column for column in raw.schema}
    found: dict[str, str] = {}
    for with_synonyms in (False, True):
        for column in table.columns:
            words = _synonyms()["columns"].get(column.name, []) if with_synonyms else [column.name]
            for word in words:
                given = by_folded.get(_folded(word))
                if column.name not in found and given is not None and given not in found.values():
                    found[column.name] = given
    in_order = {column.name: found[column.name] for column in table.columns if column.name in found}
    return in_order if "subject" in found else {}


def _values(table: Table, raw: RawTable, matched: Mapping[str, str]) -> dict[str, Any]:
    """The study's columns; codes are listed where they are not those of the input table."""
    values: dict[str, Any] = {}
    for name, given in matched.items():
        column = table.column(name)
        values[name] = given
        if not column.codes:
            continue
        there = (
            raw.rows.select(pl.col(given).cast(pl.String).str.strip_chars().drop_nulls().unique()).collect().to_series()
        )
        synonyms = _synonyms()["codes"].get(name, {})
        known = {_folded(word): code for code in column.codes for word in (code, *synonyms.get(code, ()))}
        unknown = sorted(code for code in there if code.lower() not in {one.lower() for one in column.codes})
        if unknown and len(unknown) <= _SHOWN:
            values[name] = {"column": given, "codes": {code: known.get(_folded(code)) for code in unknown}}
    return values


@lru_cache
def _synonyms() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(files(__package__).joinpath("synonyms.yaml").read_text("utf-8"))
    return loaded


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


# Does it run? ---------------------------------------------------------------------------------------------------------


def _try(proposal: Proposal, source: Any, ruleset: str | None, registry: Registry) -> None:
    """Read the study as proposed, and note what stands in the way of a run and what is odd."""
    try:
        loaded = load_ruleset(proposal.document(ruleset), registry=registry)
        study = read_study(source, ruleset=loaded, registry=registry)
    except RulesEngineError as error:
        proposal.missing += [_one_line(problem) for problem in error.problems]
        return
    if ruleset is not None:
        if not loaded.endpoints:
            proposal.missing.append(
                f"{ruleset} derives no endpoint by itself: state under `endpoints` which are derived"
            )
        try:
            require_tables(study, loaded, registry)
        except StudyError as error:
            proposal.missing += [_one_line(problem) for problem in error.problems]
    else:
        proposal.missing += [f"table {name}: nothing feeds it" for name in TABLES if not study.has(name)]
    counted = (
        study.findings.group_by("severity", "rule_id", "table", "field").agg(pl.len(), pl.col("message").min())
        .sort("len", "rule_id", "table", "field", descending=[True, False, False, False], nulls_last=True)
    ).collect()  # fmt: skip
    for row in counted.head(_SHOWN).iter_rows(named=True):
        place = ".".join(part for part in (row["table"], row["field"]) if part)
        proposal.odd.append(
            f"{row['len']:,} × {place or 'study'}: {row['message']} ({row['severity']}, {row['rule_id']})"
        )


def _one_line(problem: Problem) -> str:
    parts = [problem.where, problem.what, f"did you mean {problem.meant!r}?" if problem.meant else "", problem.remedy]
    return ": ".join(part for part in parts[:2] if part) + "".join(f"; {part}" for part in parts[2:] if part)


# Text ---------------------------------------------------------------------------------------------------------------


def _bare(name: str) -> str:
    return name.removesuffix(" if any").lower()


def _rows(table: RawTable) -> int:
    return int(table.rows.select(pl.len()).collect().item())


def _subjects(table: RawTable) -> int:
    return int(table.rows.select(pl.col("usubjid").n_unique()).collect().item()) if "usubjid" in table.schema else 0


def _comments(texts: Sequence[str], mark: str = "") -> list[str]:
    return [f"# {mark}{' '.join(text.split())}" for text in texts]


class _Dumper(yaml.SafeDumper):
    """Writes shared parts out in full: an alias would be a puzzle for the reader."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        """A value or condition on one line where there is room for it, everything else below each other."""
        node: yaml.MappingNode = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = bool(set(mapping) & _ON_ONE_LINE) and len(str(mapping)) <= _LINE
        return node


def _dumped(value: Any) -> str:
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130, default_flow_style=None
    ).rstrip("\n")  # fmt: skip


def _indented(text: str, blanks: int) -> list[str]:
    return [" " * blanks + line for line in text.splitlines()]


def place_of(source: Path | str) -> str:
    """The study's place as the first line of a proposal names it: without the folders above, user or password."""
    return shown_connection(str(source)) if is_connection(source) else Path(source).name or str(source)
