"""From SDTM and ADaM files to the input tables, as the section `data` of a protocol says.

The words of that section are declared in `rules_engine.loading.data_schema`. Every value becomes text here; what it
means is then decided by the contract of the input table, as for a CSV file. Rows of a mapped table are numbered in the
order of its parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import polars as pl
import yaml

from rules_engine.errors import Problem, RulesetError, closest
from rules_engine.findings import phrase
from rules_engine.model import Ruleset
from rules_engine.study.casting import as_text
from rules_engine.study.sources import RawTable

_OPTIONAL = " if any"
_DECIMAL = pl.Decimal(30, 8)


@dataclass(frozen=True)
class StudyMapping:
    """A `data:` section, complete: `domains` (name to files) and `tables` (table to its named parts)."""

    domains: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @property
    def names(self) -> frozenset[str]:
        """Names of all files that the mapping may read, in lower case."""
        parts = [part for table in self.tables.values() for part in table.values()]
        used = {part["from"] for part in parts}
        used |= {lookup["from"] for part in parts for lookup in (part.get("lookups") or {}).values()}
        used |= {name for part in parts for name in part.get("qualifiers") or ()}
        return frozenset(file for domain in used for file in self.files_of(domain))

    def files_of(self, domain: str) -> tuple[str, ...]:
        """The files of a domain: those listed, else the file of that name."""
        name = _bare(domain)
        return self.domains.get(name, (name,))


def mapping_of(ruleset: Ruleset | None) -> StudyMapping | None:
    """The mapping that a ruleset states over its layout, or None where the study comes as input tables."""
    stated = (ruleset.document.get("data") if ruleset else None) or {}
    complete = _merged(_layout(stated.get("layout", "tables")), stated)
    if not complete.get("tables"):
        return None
    domains = {
        name.lower(): tuple(str(file).lower() for file in given) for name, given in complete.get("domains", {}).items()
    }
    tables = {
        table: {name: part for name, part in parts.items() if part is not None}
        for table, parts in complete["tables"].items()
        if parts
    }
    _require_complete(tables, ruleset)
    return StudyMapping(domains, {table: parts for table, parts in tables.items() if parts})


def stated_encoding(ruleset: Ruleset | None) -> str | None:
    """The encoding of the study's text files that a ruleset states, or None for UTF-8."""
    stated = (ruleset.document.get("data") if ruleset else None) or {}
    encoding = stated.get("encoding")
    return str(encoding) if encoding is not None else None


def _require_complete(tables: Mapping[str, Mapping[str, Any]], ruleset: Ruleset | None) -> None:
    """Raise `RulesetError` for parts that, even over their layout, do not say where rows or columns come from."""
    problems = []
    for table, parts in tables.items():
        for name, part in parts.items():
            path = f"data.tables.{table}.{name}"
            position = (ruleset.positions if ruleset else {}).get(path)
            problems += [
                Problem(
                    str(position or "ruleset"),
                    f"the part does not state {key!r}, and no layout does",
                    f"state {key!r}, or name the part as the layout does to change it",
                    path=path,
                )
                for key in ("from", "columns")
                if not part.get(key)
            ]
    if problems:
        raise RulesetError(problems)


def layout_tables(name: str) -> Mapping[str, Mapping[str, Any]]:
    """The parts of each input table in the ready-made mapping of this name."""
    tables: Mapping[str, Mapping[str, Any]] = _layout(name).get("tables", {})
    return tables


@lru_cache
def _layout(name: str) -> Mapping[str, Any]:
    """The ready-made mapping of this name; empty for studies that bring the input tables."""
    if name == "tables":
        return {}
    document: Mapping[str, Any] = yaml.safe_load(files(__package__).joinpath(f"{name}.yaml").read_text("utf-8"))
    return document


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping merges, a list replaces, null removes."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping) and not _is_value(value):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result


def _is_value(mapping: Mapping[str, Any]) -> bool:
    """True for a column's value, which is replaced as a whole: half of one and half of another mean nothing."""
    return bool({"column", "value", "cases"} & set(mapping)) or set(mapping) == {"where"}


# Building the tables -----------------------------------------------------------------------------------------------


def mapped_tables(mapping: StudyMapping, found: Mapping[str, RawTable]) -> tuple[dict[str, RawTable], list[Problem]]:
    """The input tables that the mapping builds from the files that are there, and what stands in its way."""
    builder = _Builder(mapping, found)
    tables: dict[str, RawTable] = {}
    for name, parts in mapping.tables.items():
        built = [rows for part_name, part in parts.items() if (rows := builder.part(name, part_name, part)) is not None]
        if built:
            rows = pl.concat(_of_one_kind(built), how="diagonal")
            tables[name] = RawTable(name, rows, dict(rows.collect_schema()))
    return tables, list(dict.fromkeys(builder.problems))


def _of_one_kind(parts: Sequence[pl.LazyFrame]) -> Sequence[pl.LazyFrame]:
    """The parts; where a column is a condition in one and text in another, it is text in both."""
    schemas = [part.collect_schema() for part in parts]
    mixed = {
        name
        for schema in schemas
        for name, dtype in schema.items()
        if any(other.get(name, dtype) != dtype for other in schemas)
    }
    return [
        part.with_columns(pl.col(sorted(mixed & set(schema.names()))).cast(pl.String))
        for part, schema in zip(parts, schemas, strict=True)
    ]


class _Builder:
    """Turns the parts of a mapping into lazy frames, collecting what is wrong on the way."""

    def __init__(self, mapping: StudyMapping, found: Mapping[str, RawTable]) -> None:
        self.mapping = mapping
        self.found = found
        self.problems: list[Problem] = []
        self.where = ""

    def part(self, table: str, name: str, part: Mapping[str, Any]) -> pl.LazyFrame | None:
        """The rows of one part under the names of the input table, all as text or flags; None where its domain is
        absent.
        """
        self.where = f"data.tables.{table}.{name}"
        rows = self.domain(part["from"])
        if rows is None:
            return None
        rows = self._with_qualifiers(rows, part.get("qualifiers") or ())
        if part.get("pivot"):
            rows = self._pivoted(rows, part["pivot"])
        for lookup in (part.get("lookups") or {}).values():
            rows = self._look_up(rows, lookup)
        known = set(rows.collect_schema().names())
        conditions = [self._condition(condition, known) for condition in part.get("where") or ()]
        chosen = {**part["columns"], **(part.get("extra") or {})}
        values = [self._value(value, known).alias(column.lower()) for column, value in chosen.items()]
        return (rows.filter(conditions) if conditions else rows).select(values)

    def domain(self, given: str) -> pl.LazyFrame | None:
        """All rows of a domain's files, one below the other, as text under lower-case names; None without a file."""
        present = [self.found[file] for file in self.mapping.files_of(given) if file in self.found]
        absent = [file for file in self.mapping.files_of(given) if file not in self.found]
        if absent and not given.endswith(_OPTIONAL):
            self._problem(
                f"the study has no file {absent[0]!r} for the domain {_bare(given)!r}",
                "add the file, or name the study's own file under data.domains",
                closest(absent[0], self.found),
            )
            return None
        if not present:
            return None
        frames = [
            table.rows.select(as_text(pl.col(column), dtype).alias(column) for column, dtype in table.schema.items())
            for table in present
        ]
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")

    def _with_qualifiers(self, rows: pl.LazyFrame, supplemental: Sequence[str]) -> pl.LazyFrame:
        """The rows with a column for each qualifier (QNAM) of the supplemental domains, beside the record that it belongs
        to: by IDVAR and IDVARVAL, or the subject where there is no IDVAR. Of several values of one the smallest is taken.
        """
        for given in supplemental:
            supp = self.domain(given)
            if supp is None:
                continue
            there = set(supp.collect_schema().names())
            needed = {
                name: self._name(name.upper(), there) for name in ("usubjid", "idvar", "idvarval", "qnam", "qval")
            }
            if None in needed.values():
                continue
            pairs = supp.select("idvar", "qnam").unique().drop_nulls("qnam").sort("idvar", "qnam", nulls_last=True)
            by_key: dict[str | None, list[str]] = {}
            for key, name in pairs.collect().iter_rows():
                by_key.setdefault(key, []).append(name)
            for key, names in by_key.items():
                rows = self._with_some(rows, supp, key, names)
        return rows

    def _with_some(self, rows: pl.LazyFrame, supp: pl.LazyFrame, key: str | None, names: Sequence[str]) -> pl.LazyFrame:
        """The rows with the qualifiers that are given by one IDVAR."""
        known = set(rows.collect_schema().names())
        if key is not None and key.lower() not in known:
            self._problem(f"a supplemental domain refers to {key!r}, which the rows do not have", "correct IDVAR", "")
            return rows
        values = [
            pl.col("qval").filter(pl.col("qnam") == name).drop_nulls().min().alias(f"_q_{name.lower()}")
            for name in names
        ]
        concerned = supp.filter(pl.col("idvar").is_null() if key is None else pl.col("idvar") == key)
        on, there = [pl.col("usubjid")], [pl.col("usubjid").alias("_q_subject")]
        if key is not None:
            on.append(_as_key(pl.col(key.lower())).alias("_q_key"))
            there.append(_as_key(pl.col("idvarval")).alias("_q_key"))
        wide = concerned.group_by(there).agg(values)
        keys = ["usubjid", "_q_key"][: len(on)]
        joined = rows.with_columns(on[1:]).join(
            wide, left_on=keys, right_on=["_q_subject", "_q_key"][: len(on)], how="left", maintain_order="left"
        )
        given = [
            (
                pl.coalesce(name.lower(), f"_q_{name.lower()}")
                if name.lower() in known
                else pl.col(f"_q_{name.lower()}")
            ).alias(name.lower())
            for name in names
        ]
        return joined.with_columns(given).select(pl.exclude("^_q_.*$"))

    def _pivoted(self, rows: pl.LazyFrame, pivot: Mapping[str, Any]) -> pl.LazyFrame:
        """One row per `by`; of each test a column for each of `values`, named TEST_VALUE. Of several records of one test
        the smallest value is taken.
        """
        known = set(rows.collect_schema().names())
        conditions = [self._condition(condition, known) for condition in pivot.get("where") or ()]
        rows = rows.filter(conditions) if conditions else rows
        by = [name for given in pivot["by"] if (name := self._name(given, known)) is not None]
        values = [name for given in pivot["values"] if (name := self._name(given, known)) is not None]
        test = self._name(pivot["name"], known)
        if test is None or not by:
            return rows
        tests = rows.select(pl.col(test).drop_nulls().unique()).collect().to_series().sort()
        wide = [
            pl.col(value).filter(pl.col(test) == name).drop_nulls().min().alias(f"{name}_{value}".lower())
            for name in tests
            for value in values
        ]
        return rows.group_by(by, maintain_order=True).agg(wide)

    def _look_up(self, rows: pl.LazyFrame, lookup: Mapping[str, Any]) -> pl.LazyFrame:
        """The rows with the columns of the first matching row of another domain; missing where none matches."""
        taken = {new.lower(): old for new, old in lookup["take"].items()}
        other = self.domain(lookup["from"])
        if other is None:
            return rows.with_columns(pl.lit(None, pl.String).alias(new) for new in taken)
        here, there = set(rows.collect_schema().names()), set(other.collect_schema().names())
        match = lookup["match"]
        pairs = list(match.items()) if isinstance(match, Mapping) else [(name, name) for name in match]
        keys = [
            (left, right)
            for left_name, right_name in pairs
            if (left := self._name(left_name, here)) is not None
            and (right := self._name(right_name, there)) is not None
        ]
        conditions = [self._condition(condition, there) for condition in lookup.get("where") or ()]
        order = [name for given in lookup.get("order") or () if (name := self._name(given, there)) is not None]
        matching = other.filter(conditions) if conditions else other
        values = [self._pick(old, there).alias(f"_take_{new}") for new, old in taken.items()]
        by = [pl.col(right).alias(f"_by_{right}") for _left, right in keys]
        # Where rows agree in all that orders them, the smallest of each value is taken, never the first that comes.
        ranks = [pl.col(name).cast(pl.Float64, strict=False).alias(f"_rank_{name}") for name in order]
        sort = [f"_rank_{name}" for name in order] + [f"_text_{name}" for name in order]
        sort += [f"_take_{new}" for new in taken]
        first = (
            matching.select(*by, *values, *ranks, *[pl.col(name).alias(f"_text_{name}") for name in order])
            .sort(sort, nulls_last=True)
            .unique([f"_by_{right}" for _left, right in keys], keep="first", maintain_order=True)
            .drop([name for name in sort if not name.startswith("_take_")])
        )
        return rows.join(
            first,
            left_on=[left for left, _right in keys],
            right_on=[f"_by_{right}" for _left, right in keys],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        ).rename({f"_take_{new}": new for new in taken})

    # Values ----------------------------------------------------------------------------------------------------------

    def _value(self, value: Any, known: set[str]) -> pl.Expr:
        """The expression of a column's value: a name, names, or a mapping in the words of `data_schema`."""
        if isinstance(value, str | list):
            return self._pick(value, known)
        if "cases" in value:
            chain: Any = pl
            for case in value["cases"]:
                holds = self._all(case["where"], known) if case.get("where") else pl.lit(value=True)
                chain = chain.when(holds).then(self._value({k: v for k, v in case.items() if k != "where"}, known))
            found: pl.Expr = chain.otherwise(pl.lit(None, pl.String))
            return found
        if "value" in value:
            return pl.lit(_as_word(value["value"]), pl.String)
        if "column" not in value:
            return self._all(value.get("where") or (), known)
        picked = self._pick(value["column"], known)
        if value.get("units"):
            picked = self._converted(picked, value["units"], known)
        if value.get("codes") is not None:
            codes = {str(code).lower(): _as_word(word) for code, word in value["codes"].items()}
            folded = picked.str.to_lowercase()
            word = folded.replace_strict(codes, default=None, return_dtype=pl.String)
            other = pl.lit(None, pl.String) if value.get("others") == "missing" else picked
            picked = pl.when(folded.is_in(list(codes))).then(word).otherwise(other)
        return pl.when(self._all(value["where"], known)).then(picked) if value.get("where") else picked

    def _pick(self, given: str | Sequence[str], known: set[str]) -> pl.Expr:
        """A column, or the first of several that has a value; missing where the study may lack it and does."""
        if isinstance(given, str):
            name = self._name(given, known)
            return pl.lit(None, pl.String) if name is None else pl.col(name)
        return pl.coalesce([self._pick(name, known) for name in given])

    def _converted(self, number: pl.Expr, units: Mapping[str, Any], known: set[str]) -> pl.Expr:
        """The number times the factor of its unit, exactly; beside an unknown unit it stays as text and is reported
        later.
        """
        unit = self._pick(units["column"], known)
        if units.get("assumed"):
            unit = unit.fill_null(str(units["assumed"]))
        folded = unit.str.to_lowercase()
        result = phrase("{} {}", number, unit.fill_null("(no unit)"))
        for name, factor in units["factors"].items():
            exact = number.cast(_DECIMAL, strict=False) * pl.lit(str(factor)).cast(_DECIMAL)
            scaled = number if factor == 1 else exact.cast(pl.String).fill_null(number)
            result = pl.when(folded == str(name).lower()).then(scaled).otherwise(result)
        return pl.when(number.is_not_null()).then(result)

    def _all(self, conditions: Sequence[Mapping[str, Any]], known: set[str]) -> pl.Expr:
        return pl.all_horizontal([self._condition(condition, known) for condition in conditions])

    def _condition(self, condition: Mapping[str, Any], known: set[str]) -> pl.Expr:
        """True where all that the condition says of its column holds; never missing."""
        cell = self._pick(condition["column"], known)
        folded = cell.str.to_lowercase()
        parts = []
        if "in" in condition:
            parts.append(folded.is_in([_as_word(word).lower() for word in condition["in"]]))
        if "not_in" in condition:
            parts.append(~folded.is_in([_as_word(word).lower() for word in condition["not_in"]]).fill_null(value=False))
        if "missing" in condition:
            parts.append(cell.is_null() if condition["missing"] else cell.is_not_null())
        return pl.all_horizontal(parts).fill_null(value=False)

    def _name(self, given: str, known: set[str]) -> str | None:
        """The column's name in the frame; None where the study lacks it, which is a problem unless the mapping allows
        it.
        """
        name = _bare(given)
        if name in known:
            return name
        if not given.endswith(_OPTIONAL):
            self._problem(
                f"the study has no column {given!r}",
                f"name a column of the study, or write `{given} if any` where it may be absent",
                closest(name, known).upper(),
            )
        return None

    def _problem(self, what: str, remedy: str, meant: str) -> None:
        self.problems.append(Problem(self.where, what, remedy, meant=meant))


def _bare(name: str) -> str:
    return name.removesuffix(_OPTIONAL).lower()


def _as_key(text: pl.Expr) -> pl.Expr:
    """A key as both sides of a supplemental domain can write it: `3`, ` 3` and `3.0` are one."""
    return text.str.strip_chars().str.replace(r"^(\d+)\.0+$", "${1}")


def _as_word(value: Any) -> Any:
    """A scalar of the ruleset as the study would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
