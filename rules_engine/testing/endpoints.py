"""The laws of an endpoint kind, and of a censoring rule in an endpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import strategies as st

from rules_engine.casebook import run_cases
from rules_engine.errors import RulesetError
from rules_engine.guard import fingerprint
from rules_engine.loading import load_ruleset, read_document
from rules_engine.model import EndpointDefinition, Ruleset
from rules_engine.records import in_memory
from rules_engine.registry import Registry, build_registry, default_registry
from rules_engine.testing import laws, strategies
from rules_engine.vocabulary import (
    CANDIDATE_SCHEMA,
    RESPONSE_SCHEMA,
    TTE_SCHEMA,
    CensoringRule,
    EndpointKind,
    SubjectRecords,
)

CUTOFF = strategies.START + timedelta(days=300)
#: Names of records follow the order of a table's rows, so that laws about order leave them out.
NAMES_OF_RECORDS = ("source_id", "fact_id")
_EFFECTS = (
    "ends", "ends_on_date", "discards", "competes", "ends_time", "on_date", "at_start", "before_date", "as_stated", "off",
)  # fmt: skip


class EndpointConformance:
    """Everything that the engine relies on in an endpoint. A subclass names a protocol and its endpoint.

    `protocol` is a protocol ruleset as a mapping (`extends`, `responses`, `endpoints` …) and `paramcd` the endpoint of it that is tested.
    `plugin` is the module that offers its kind or words; `cases` a file of worked cases.
    """

    protocol: ClassVar[Mapping[str, Any]]
    paramcd: ClassVar[str]
    plugin: ClassVar[object | None] = None
    cases: ClassVar[Path | None] = None
    cutoff: ClassVar[date] = CUTOFF
    examples: ClassVar[int] = 10
    subjects: ClassVar[int] = 12

    @cached_property
    def registry(self) -> Registry:
        """The installed plugins, and the plugin under test where it is not installed."""
        known = default_registry()
        module = getattr(self.plugin, "__name__", None)
        if self.plugin is None or module in {plugin.module for plugin in known.plugins}:
            return known
        return build_registry(extra=[("under test", self.plugin)])

    @cached_property
    def endpoint(self) -> EndpointDefinition:
        """The endpoint with its options complete."""
        return self._loaded({}).endpoints[self.paramcd]

    def _loaded(self, overrides: Mapping[str, Any]) -> Ruleset:
        head = {"rules_engine": 1, "id": "conformance", "kind": "protocol", "title": "Conformance"}
        return load_ruleset({**head, **self.protocol}, overrides=dict(overrides) or None, registry=self.registry)

    @cached_property
    def kind(self) -> EndpointKind:
        """The kind, bound to its words."""
        return self.registry.endpoint_kinds.require(self.endpoint.kind)

    def histories(self) -> st.SearchStrategy[SubjectRecords]:
        """Records of subjects over time; a subclass may draw its own, with tables of its plugin."""
        return strategies.timelines(subjects=self.subjects)

    def made(self, subjects: int) -> SubjectRecords:
        """Records of so many subjects, always the same."""
        return strategies.timeline_records(Random(3), subjects)  # noqa: S311  (test data, not secrets)

    def derived(self, records: SubjectRecords) -> pl.DataFrame:
        """The endpoint's rows."""
        held = dataclasses.replace(records, hold=in_memory)  # steps are computed as they are asked for, as in a run
        return laws.collected(
            self.kind.derive(held, self.endpoint, self.cutoff), f"endpoint kind {self.endpoint.kind!r}"
        )

    # Laws: what comes back

    def test_columns_types_and_key_are_those_of_the_contract(self) -> None:
        """At most one row per subject that was given."""
        laws.for_all(self.histories(), self._hold_contract, self.examples)

    def _hold_contract(self, records: SubjectRecords) -> None:
        rows = self.derived(records)
        is_time = self.kind.shape == "time_to_event"
        laws.require_schema(rows, TTE_SCHEMA if is_time else RESPONSE_SCHEMA)
        assert set(rows["subject"]) <= set(records.subjects.collect()["subject"]), "a row is about a subject not given"
        assert not rows["subject"].is_duplicated().any(), "two rows for one subject"
        assert rows["rule_id"].null_count() == 0, "a record does not say which rule decided"
        if is_time:
            self._hold_times(rows)

    def _hold_times(self, rows: pl.DataFrame) -> None:
        late = rows.filter((pl.col("date") < pl.col("start_date")) | (pl.col("date") > self.cutoff))
        assert late.is_empty(), f"a date before the start or after the cut-off: {late.head(1).to_dicts()}"
        assert rows.filter((pl.col("cnsr") == 0) != pl.col("event")).is_empty(), "CNSR is 0 exactly for an event"
        assert rows["event_description"].null_count() == 0, "a record has no EVNTDESC"
        assert rows["reason"].null_count() == 0, "a record has no reason"

    def test_candidates_are_those_of_the_contract_and_the_winner_is_the_record(self) -> None:
        """A kind that shows what it considered shows the record among it."""
        if self.kind.candidates is None:
            return

        def hold(records: SubjectRecords) -> None:
            assert self.kind.candidates is not None
            held = dataclasses.replace(records, hold=in_memory)
            rows = laws.collected(self.kind.candidates(held, self.endpoint, self.cutoff), "`candidates`")
            laws.require_schema(rows, CANDIDATE_SCHEMA)
            won = rows.filter(pl.col("outcome") == "won").select("subject", "date")
            laws.require_same(won, self.derived(records).select("subject", "date"), "the winner is not the record")

        laws.for_all(self.histories(), hold, self.examples)

    def test_no_subjects_give_no_rows(self) -> None:
        """An empty study is no error."""
        assert self.derived(changed(self.made(1), pl.DataFrame.clear)).is_empty()

    def test_missing_cells_never_break_it(self) -> None:
        """Whatever is empty but the subject: the contract holds."""
        keep = ("subject", "source_id", "origin", "component", "kind", "event_kind")

        def hold(records: SubjectRecords) -> None:
            self._hold_contract(changed(records, lambda rows: laws.with_holes({"": rows}, keep)[""]))

        laws.for_all(self.histories(), hold, self.examples)

    # Laws: a function of one subject's records

    def test_what_is_given_is_not_changed_and_the_answer_is_the_same_twice(self) -> None:
        """No state, no clock, no changed input."""

        options = fingerprint(self.endpoint.options)
        self.derived(self.made(self.subjects))
        assert fingerprint(self.endpoint.options) == options, "the endpoint changed its options"

        def hold(records: SubjectRecords) -> None:
            first = self.derived(records)
            again = self.derived(changed(records, lambda rows: rows))
            laws.require_same(first, again, "the same input gave another answer")

        laws.for_all(self.histories(), hold, self.examples)

    def test_the_order_of_rows_does_not_matter(self) -> None:
        """A table has no order."""

        def hold(records: SubjectRecords) -> None:
            again = self.derived(changed(records, lambda rows: laws.shuffled({"": rows})[""]))
            laws.require_same(
                self.derived(records).drop(NAMES_OF_RECORDS, strict=False),
                again.drop(NAMES_OF_RECORDS, strict=False),
                "the same rows in another order gave another answer",
            )

        laws.for_all(self.histories(), hold, self.examples)

    def test_other_subjects_do_not_matter(self) -> None:
        """Subjects derived in two parts are derived the same."""

        def hold(records: SubjectRecords) -> None:
            everybody = sorted(records.subjects.collect()["subject"])
            parts = [self.derived(_part(records, part)) for part in (everybody[::2], everybody[1::2])]
            laws.require_same(self.derived(records), pl.concat(parts), "other subjects changed the answer")

        laws.for_all(self.histories(), hold, self.examples)

    def test_the_work_in_python_does_not_grow_with_the_subjects(self) -> None:
        """No Python per row or subject; counted, not timed."""

        def work_on(subjects: int) -> Any:
            records = self.made(subjects)
            return lambda: self.derived(changed(records, lambda rows: rows))

        laws.require_work_that_does_not_grow(work_on, 30, 300)

    # Laws: options and words

    def test_options_are_described_and_what_is_unknown_is_refused(self) -> None:
        """The schema says what each option means; a misspelled one is refused with its place."""
        laws.require_descriptions(self.kind.schema_of(self.endpoint.options))
        with pytest.raises(RulesetError):
            self._loaded({"endpoints": {self.paramcd: {"options": {"no_such_option": 1}}}})

    def test_the_worked_cases_pass(self) -> None:
        """Each case of `cases` has a title, a reason and a source, and comes out."""
        if self.cases is None:
            return
        for case in read_document(self.cases)["cases"]:
            for word in ("title", "why", "source"):
                assert str(case.get(word) or "").strip(), f"case {case.get('id')!r} has no {word}"
        failed = [(case.id, case.mismatches) for case in run_cases([self.cases], self.registry) if not case.passed]
        assert not failed, failed

    def test_the_kind_says_what_it_is_and_where_it_is_from(self) -> None:
        """Id, version, title and reference."""
        laws.require_words(self.kind, ("id", "version", "title", "reference"))


def _part(records: SubjectRecords, subjects: Sequence[str]) -> SubjectRecords:
    return changed(records, lambda rows: laws.of_subjects({"": rows}, subjects)[""])


def changed(records: SubjectRecords, change: Callable[[pl.DataFrame], pl.DataFrame]) -> SubjectRecords:
    """The records with every frame changed, those of plugins' tables as well; nothing is known of them yet."""
    own = records.with_frames(lambda _name, frame: change(frame.collect()).lazy())
    tables = {name: change(frame.collect()).lazy() for name, frame in records.tables.items()}
    return dataclasses.replace(own, tables=tables)


class CensoringRuleConformance(EndpointConformance):
    """Everything that the engine relies on in a censoring rule: the laws of an endpoint that names it, and its own words.

    The protocol's endpoint must have the rule in `censoring_rules`.
    """

    rule: ClassVar[CensoringRule]
    #: Options with which the rule has each of its effects.
    choices: ClassVar[Sequence[Mapping[str, Any]]] = ()

    def test_the_endpoint_uses_the_rule(self) -> None:
        """Laws about another endpoint would prove nothing."""
        assert self.rule.id in self.endpoint.options["censoring_rules"]
        assert self.registry.censoring_rules[self.rule.id] is self.rule

    def test_the_rule_says_what_it_is_and_where_it_is_from(self) -> None:
        """Id, version, title and reference; each reason has a text and a code above 0, unless the ruleset states them."""
        laws.require_words(self.rule, ("id", "version", "title", "reference"))
        assert self.rule.reasons, "the rule declares no reason"
        for reason, published in self.rule.reasons.items():
            assert published is None or (published.code > 0 and published.text), f"{reason}: CNSR must be above 0"
        laws.require_descriptions(self.rule.options_schema)

    def test_every_choice_of_its_options_has_an_effect_that_exists(self) -> None:
        """The words of `vocabulary.Effect`."""
        for options in (self.endpoint.options, *({**self.endpoint.options, **choice} for choice in self.choices)):
            assert self.rule.effect(options) in _EFFECTS

    def test_the_rule_gives_its_reasons(self) -> None:
        """Some subject among many is censored by the rule; or the rule says in a test of the plugin's own when it is."""
        given = set(self.derived(self.made(200))["reason"])
        assert given & set(self.rule.reasons), (
            f"nobody among 200 made-up subjects has one of {sorted(self.rule.reasons)}"
        )
