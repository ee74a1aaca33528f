"""The laws of a response criterion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar

import polars as pl
import pytest
from hypothesis import strategies as st

import rules_engine
from rules_engine.casebook import run_cases
from rules_engine.contracts import LABS, LESION_ASSESSMENTS, TABLES, Table
from rules_engine.errors import RulesetError
from rules_engine.guard import fingerprint
from rules_engine.loading import load_criterion_rules, read_document
from rules_engine.model import CriterionRules
from rules_engine.registry import Registry, build_registry, default_registry
from rules_engine.testing import laws, strategies
from rules_engine.vocabulary import BASELINE_SCHEMA, TIMEPOINT_SCHEMA, Criterion, RulesetFolder

LESIONS = LESION_ASSESSMENTS.name


class CriterionConformance:
    """Everything that the engine relies on in a criterion. A subclass names the criterion and its ruleset.

    `ruleset` is the folder with `ruleset.yaml`, `README.md` and `cases.yaml`. `options` are laid over its values. `tables` are the input
    tables that the plugin offers, where the criterion reads any; `analytes` the (analyte, unit) pairs that it looks for in `labs`.
    `examples` is how many drawn histories a law is held against, each of up to `subjects` subjects.
    """

    criterion: ClassVar[Criterion]
    ruleset: ClassVar[Path]
    options: ClassVar[Mapping[str, Any]] = {}
    tables: ClassVar[Sequence[Table]] = ()
    analytes: ClassVar[Sequence[tuple[str, str]]] = ()
    examples: ClassVar[int] = 10
    subjects: ClassVar[int] = 12

    # What is given to the criterion

    @cached_property
    def registry(self) -> Registry:
        """The installed plugins, and the criterion with its tables where it is not installed."""
        known = default_registry()
        missing = [table for table in self.tables if table.id not in known.tables]
        criterion = self.criterion
        offers: dict[str, Any] = {}
        if self.criterion.id not in known.criteria:
            beside = [RulesetFolder("under test", self.ruleset.parent)]
            offers["rules_engine_criteria"] = rules_engine.hookimpl(lambda: [criterion])
            offers["rules_engine_rulesets"] = rules_engine.hookimpl(lambda: beside)
        if missing:
            offers["rules_engine_tables"] = rules_engine.hookimpl(lambda: missing)
        if not offers:
            return known
        return build_registry(extra=[("under test", SimpleNamespace(**offers))])

    @cached_property
    def rules(self) -> CriterionRules:
        """The values of the ruleset, as the criterion receives them."""
        return load_criterion_rules(self.ruleset, dict(self.options), registry=self.registry)

    def histories(self) -> st.SearchStrategy[dict[str, pl.DataFrame]]:
        """Frames by table; a subclass may draw its own."""
        if self.criterion.assess_tables is None:
            drawn = strategies.lesion_histories(subjects=self.subjects, extra=self.criterion.extra_columns)
            return drawn.map(lambda rows: {LESIONS: rows})
        return st.fixed_dictionaries({need.table: self._drawn(need.table) for need in self.criterion.tables})

    def _drawn(self, name: str) -> st.SearchStrategy[pl.DataFrame]:
        if name == LABS.name:
            return strategies.lab_histories(self.analytes, subjects=self.subjects)
        return strategies.table_histories(self._contract(name), subjects=self.subjects)

    def _contract(self, name: str) -> Table:
        return {**TABLES, **{table.name: table for table in self.tables}, **self.registry.tables}[name]

    def made(self, subjects: int) -> dict[str, pl.DataFrame]:
        """Histories of so many subjects, always the same."""
        rng = Random(3)  # noqa: S311  (test data, not secrets)
        if self.criterion.assess_tables is None:
            return {LESIONS: strategies.lesion_frame(rng, subjects, self.criterion.extra_columns)}
        return {
            need.table: strategies.lab_frame(rng, subjects, self.analytes)
            if need.table == LABS.name
            else strategies.table_frame(rng, subjects, self._contract(need.table))
            for need in self.criterion.tables
        }

    def judged(self, frames: laws.Frames) -> pl.DataFrame:
        """The timepoint responses of these frames."""
        return laws.collected(self._plan(frames), f"criterion {self.criterion.id!r}")

    def _plan(self, frames: laws.Frames) -> Any:
        if self.criterion.assess_tables is None:
            return self.criterion.assess(frames[LESIONS].lazy(), self.rules)
        return self.criterion.assess_tables({name: rows.lazy() for name, rows in frames.items()}, self.rules)

    # Laws: what comes back

    def test_columns_types_codes_and_key_are_those_of_the_contract(self) -> None:
        """One row per subject and visit, of subjects that were given, with codes of the codelist."""
        laws.for_all(self.histories(), self._hold_contract, self.examples)

    def _hold_contract(self, frames: laws.Frames) -> None:
        rows = self.judged(frames)
        laws.require_schema(rows, TIMEPOINT_SCHEMA)
        assert rows["subject"].null_count() == rows["visit_date"].null_count() == 0, (
            "a row names no subject or no visit"
        )
        assert set(rows["subject"]) <= set(laws.subjects_of(frames)), "a row is about a subject that was not given"
        twice = rows.filter(pl.struct("subject", "visit_date").is_duplicated())
        assert twice.is_empty(), f"two rows for one subject and visit: {twice.head(2).to_dicts()}"
        unknown = set(rows["overall"].unique()) - set(self.criterion.responses)
        assert not unknown, f"codes outside `responses`: {sorted(map(str, unknown))}"
        assert rows["rule_id"].null_count() == 0, "a response does not say which rule decided"
        unstated = set(rows["rule_id"].unique()) - set(self.rules.statements)
        assert not unstated, f"rules that the ruleset does not state: {sorted(unstated)}"

    def test_baselines_are_those_of_the_contract(self) -> None:
        """At most one row per subject; a criterion that gives none has nothing to show."""
        if self.criterion.baselines is None:
            return

        def hold(frames: laws.Frames) -> None:
            assert self.criterion.baselines is not None
            rows = laws.collected(self.criterion.baselines(frames[LESIONS].lazy(), self.rules), "`baselines`")
            laws.require_schema(rows, BASELINE_SCHEMA)
            assert not rows["subject"].is_duplicated().any(), "two baselines for one subject"

        laws.for_all(self.histories(), hold, self.examples)

    def test_no_rows_give_no_rows(self) -> None:
        """An empty study is no error."""
        empty = {name: rows.clear() for name, rows in self.made(1).items()}
        rows = self.judged(empty)
        assert rows.is_empty()
        laws.require_schema(rows, TIMEPOINT_SCHEMA)

    def test_missing_cells_never_break_it(self) -> None:
        """Whatever is empty but the key: the contract holds, nothing fails."""

        def hold(frames: laws.Frames) -> None:
            key = ("subject", "row", "visit_date", "is_baseline", "lesion_id", "role")
            self._hold_contract(laws.with_holes(frames, key))

        laws.for_all(self.histories(), hold, self.examples)

    # Laws: a function of one subject's records

    def test_what_is_given_is_not_changed_and_the_answer_is_the_same_twice(self) -> None:
        """No state, no clock, no changed input."""

        options = fingerprint(self.rules.options)
        self.judged(self.made(self.subjects))
        assert fingerprint(self.rules.options) == options, "the criterion changed its options"

        def hold(frames: laws.Frames) -> None:
            before = {name: rows.clone() for name, rows in frames.items()}
            first = self.judged(frames)
            for name, rows in frames.items():
                assert rows.equals(before[name]), f"the criterion changed {name}"
            laws.require_same(first, self.judged(frames), "the same input gave another answer")

        laws.for_all(self.histories(), hold, self.examples)

    def test_the_order_of_rows_does_not_matter(self) -> None:
        """A table has no order."""

        def hold(frames: laws.Frames) -> None:
            again = self.judged(laws.shuffled(frames))
            laws.require_same(self.judged(frames), again, "the same rows in another order gave another answer")

        laws.for_all(self.histories(), hold, self.examples)

    def test_other_subjects_do_not_matter(self) -> None:
        """Subjects judged in two parts are judged the same: what partitions, streams and explanations rest on."""

        def hold(frames: laws.Frames) -> None:
            everybody = laws.subjects_of(frames)
            parts = [everybody[::2], everybody[1::2]]
            apart = pl.concat([self.judged(laws.of_subjects(frames, part)) for part in parts])
            laws.require_same(self.judged(frames), apart, "other subjects changed the answer")

        laws.for_all(self.histories(), hold, self.examples)

    def test_the_work_in_python_does_not_grow_with_the_subjects(self) -> None:
        """No Python per row or subject; counted, not timed."""

        def work_on(subjects: int) -> Any:
            frames = self.made(subjects)
            return lambda: self.judged(frames)

        laws.require_work_that_does_not_grow(work_on, 30, 300)

    # Laws: options and words

    def test_options_are_described_and_what_is_unknown_is_refused(self) -> None:
        """The schema says what each option means; the ruleset is loaded by it, a misspelled value is not."""
        laws.require_option_schema(self.criterion.options_schema)
        assert set(self.rules.options) == set(self.criterion.options_schema.get("properties", {}))
        with pytest.raises(RulesetError):
            load_criterion_rules(self.ruleset, {**self.options, "no.such_option": 1}, registry=self.registry)

    def test_the_criterion_says_what_it_is_and_where_it_is_from(self) -> None:
        """Id, version, title, reference, and a codelist without repeats."""
        laws.require_words(self.criterion, ("id", "version", "title", "reference"))
        assert len(set(self.criterion.responses)) == len(self.criterion.responses) > 0
        assert set(self.criterion.plain_forms) <= set(self.criterion.responses)

    def test_every_value_and_every_rule_has_words_and_a_reference(self) -> None:
        """The ruleset of the folder itself; values of its bases are theirs to explain."""
        stated = read_document(self.ruleset / "ruleset.yaml")
        for section in ("values", "rules"):
            for name, entry in (stated.get(section) or {}).items():
                for word in ("text", "reference"):
                    assert str((entry or {}).get(word) or "").strip(), f"{section}.{name} has no {word}"

    def test_the_page_names_the_criterion_and_its_reference(self) -> None:
        """A reader finds a page beside the ruleset, with its title."""
        page = self.ruleset / "README.md"
        assert page.is_file(), f"there is no {page}"
        text = page.read_text(encoding="utf-8")
        assert str(read_document(self.ruleset / "ruleset.yaml")["title"]) in text

    def test_the_worked_cases_pass(self) -> None:
        """There are cases, with a title, a reason and a source, and each comes out."""
        file = self.ruleset / "cases.yaml"
        assert file.is_file(), f"there is no {file}"
        for case in read_document(file)["cases"]:
            for word in ("title", "why", "source"):
                assert str(case.get(word) or "").strip(), f"case {case.get('id')!r} has no {word}"
        failed = [(case.id, case.mismatches) for case in run_cases([file], self.registry) if not case.passed]
        assert not failed, failed
