"""The public face: `Engine` runs a ruleset on a study; `Result` holds what was derived and writes, reports and explains it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rules_engine import criteria, pipeline
from rules_engine.errors import UsageError
from rules_engine.findings_overview import FindingsOverview
from rules_engine.loading import load_ruleset
from rules_engine.model import Ruleset
from rules_engine.pages import notebook
from rules_engine.registry import Registry, default_registry, with_timeout
from rules_engine.study import Study, adam, as_study, require_tables
from rules_engine.study.extra_columns import read_extra_columns
from rules_engine.study.manifest import build_manifest
from rules_engine.study.writing import chosen_writers, write_outputs, write_text
from rules_engine.vocabulary import Criterion, Writer
from rules_engine.watching import LOGGER, watched

if TYPE_CHECKING:
    from rules_engine.diff import Comparison, Side
    from rules_engine.explain import Explanation, SubjectTimeline
    from rules_engine.pages import Figure, Table
    from rules_engine.report import ReportView
    from rules_engine.report.course import Course


class Engine:
    """Runs one protocol ruleset.

    `ruleset` is a loaded `Ruleset`, or a name, path or mapping that `load_ruleset` takes; `overrides` is merged over it.
    `registry` is what the plugins offer; by default what is installed. `plugin_timeout` is how many seconds one call of a plugin
    that is not built-in may take (None: as long as it takes): one that does not come back ends with `PluginError`.
    """

    def __init__(
        self,
        ruleset: Ruleset | str | Path | Mapping[str, Any],
        *,
        overrides: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        registry: Registry | None = None,
        plugin_timeout: float | None = None,
    ) -> None:
        self.registry = registry or default_registry()
        if plugin_timeout is not None:
            self.registry = with_timeout(self.registry, plugin_timeout)
        if isinstance(ruleset, Ruleset) and overrides is None and parameters is None:
            self.ruleset = ruleset
        elif isinstance(ruleset, Ruleset):
            what = "overrides and parameters cannot be laid over a loaded ruleset"
            raise UsageError.at("Engine", what, "pass them to load_ruleset")
        else:
            self.ruleset = load_ruleset(ruleset, overrides=overrides, parameters=parameters, registry=self.registry)
        if self.ruleset.kind != "protocol":
            raise UsageError.at(
                f"ruleset {self.ruleset.id!r}",
                f"it is a {self.ruleset.kind} ruleset; only a protocol can be run",
                "name a ruleset of kind protocol",
            )

    def run(
        self,
        study: Study | Mapping[str, Any] | str | Path,
        *,
        data_cutoff: date | str | None = None,
        progress: Callable[[str], None] | None = None,
        cancel: Callable[[], bool] | None = None,
        with_candidates: bool = False,
    ) -> Result:
        """Derive everything that the ruleset asks for, as seen on the day `data_cutoff` (inclusive).

        `study` is what `read_study` gave, or a mapping of table names to frames that speak Arrow. `data_cutoff` is a date or
        ISO text; without it the ruleset's `study.data_cutoff` holds. `progress` is called with the name of each stage
        (`endpoints`, then `endpoints: PFS` …); `cancel`, such as `threading.Event().is_set`, is asked before each.
        `with_candidates` derives `Result.candidates` beside the endpoints, not when first asked for: say so where they will be
        written, since so they cost a fraction.
        Raises `StudyError` where the study lacks what the ruleset needs, `PluginError` where a plugin breaks its contract,
        `Cancelled` where `cancel` said True.
        """
        tell = watched(progress, cancel)
        tell("reading")
        read = self.read(study)
        cutoff = cutoff_of(data_cutoff, self.ruleset)
        derived = pipeline.derive(
            self.ruleset, read.tables, self.registry, cutoff, findings=read.findings, progress=tell,
            with_candidates=with_candidates,
        )  # fmt: skip
        LOGGER.info("done: ruleset %s, %d findings", self.ruleset.id, derived.findings.height)
        return Result(ruleset=self.ruleset, study=read, derived=derived, data_cutoff=cutoff, registry=self.registry)

    def explain(
        self,
        study: Study | Mapping[str, Any] | str | Path,
        subject: str,
        endpoint: str | None = None,
        *,
        response: str | None = None,
        visit: date | str | None = None,
        data_cutoff: date | str | None = None,
    ) -> Explanation:
        """As `Result.explain`, without running the study: only this subject's records are read and derived."""
        read = self.read(study)
        from rules_engine.explain import explain_subject

        return explain_subject(
            read.tables, self.ruleset, self.registry, cutoff_of(data_cutoff, self.ruleset), subject,
            endpoint=endpoint, response=response, visit=visit,
        )  # fmt: skip

    def timeline(
        self,
        study: Study | Mapping[str, Any] | str | Path,
        subject: str,
        endpoint: str | None = None,
        *,
        response: str | None = None,
        data_cutoff: date | str | None = None,
    ) -> SubjectTimeline:
        """As `Result.timeline`, without running the study."""
        read = self.read(study)
        from rules_engine.explain import subject_timeline

        return subject_timeline(
            read.tables, self.ruleset, self.registry, cutoff_of(data_cutoff, self.ruleset), subject,
            endpoint=endpoint, response=response,
        )  # fmt: skip

    def read(self, study: Study | Mapping[str, Any] | str | Path) -> Study:
        """Read a study as `read_study` does, with everything that the ruleset needs of it; raises `StudyError` where it lacks something."""
        read = as_study(study, ruleset=self.ruleset, registry=self.registry)
        require_tables(read, self.ruleset, self.registry)
        return read_extra_columns(
            read, "lesion_assessments", pipeline.extra_lesion_columns(self.ruleset, self.registry)
        )


#: What records of an endpoint are counted by.
_COUNTED = ("events", "responders")

#: Data sets that are made with words as categories, and all that `Result.write` puts into files.
MADE = ("adtr", "adrs", "adtte", "candidates", "adae", "adlb")
_WRITTEN = (*MADE, "ard", "findings", "discrepancies")


def cutoff_of(given: date | str | None, ruleset: Ruleset) -> date:
    """The data cut-off as a day. It has no default: whoever runs an analysis states it."""
    stated = given if given is not None else (ruleset.document.get("study") or {}).get("data_cutoff")
    if isinstance(stated, date):
        return stated
    if stated is None:
        raise UsageError.at(
            "data cut-off",
            "neither the call nor the ruleset states it",
            "pass data_cutoff (command line: --data-cutoff 2025-12-31), or state study.data_cutoff in the ruleset",
        )
    try:
        return date.fromisoformat(str(stated))
    except ValueError:
        raise UsageError.at("data cut-off", f"{stated!r} is no calendar day", "write it as 2025-12-31") from None


@dataclass(frozen=True, repr=False)
class Result:
    """What a run derived: ADaM data sets as frames, and ways to write, report and explain them."""

    ruleset: Ruleset
    study: Study
    derived: pipeline.Derived
    data_cutoff: date
    registry: Registry
    _made: dict[str, pl.DataFrame] = field(default_factory=dict, init=False, compare=False)

    @cached_property
    def adtr(self) -> pl.DataFrame:
        """Sums of diameters: one row per subject, response stream and visit, the baseline included."""
        return adam.as_text(self.made("adtr"))

    @cached_property
    def timepoints(self) -> pl.DataFrame:
        """Timepoint responses of every derived stream (`response_name`), one row per subject and visit after baseline.

        The other columns are those of `criteria.PUBLISHED_SCHEMA`: sums in mm, changes in percent, every category, and the rules
        that fired.
        """
        parts = [
            criteria.timepoint_responses(rows.lazy(), self._criterion(name).sum_of).select(
                pl.lit(name).alias("response_name"), pl.all()
            )
            for name, rows in self.derived.timepoints.items()
        ]
        empty = pl.LazyFrame(schema={"response_name": pl.String(), **criteria.PUBLISHED_SCHEMA})
        return pl.concat([empty, *parts]).collect()

    @cached_property
    def subject_responses(self) -> pl.DataFrame:
        """Best overall response and progression by the criterion of every derived stream (`response_name`), one row per subject.

        Day 0 is the time origin of the first endpoint that reads the stream, else the day of the baseline.
        """
        parts = [
            rows.select(pl.lit(name).alias("response_name"), pl.all())
            for name, rows in self.derived.subject_responses.items()
        ]
        return pl.concat(
            [pl.DataFrame(schema={"response_name": pl.String(), **criteria.SUBJECT_RESPONSE_SCHEMA}), *parts]
        )

    def _criterion(self, response: str) -> Criterion:
        rules = self.ruleset.responses[response].rules
        assert rules is not None  # noqa: S101  (every derived stream has its rules)
        return self.registry.criteria.require(rules.criterion)

    @cached_property
    def adrs(self) -> pl.DataFrame:
        """Responses: one row per subject, parameter and timepoint (OVR), or per subject and parameter (BOR, response flags)."""
        return adam.as_text(self.made("adrs"))

    @cached_property
    def adtte(self) -> pl.DataFrame:
        """Time to event: one row per subject and parameter."""
        return adam.as_text(self.made("adtte"))

    @cached_property
    def candidates(self) -> pl.DataFrame:
        """What was considered for ADTTE: one row per subject, endpoint and event or reason to censor, with why it won or
        lost; in the order in which it was considered. Derived when first asked for, unless the run was told to.
        """
        return adam.as_text(self.made("candidates"))

    @cached_property
    def adae(self) -> pl.DataFrame:
        """Adverse events: one row per record."""
        return adam.as_text(self.made("adae"))

    @cached_property
    def adlb(self) -> pl.DataFrame:
        """Graded laboratory results: one row per subject, sample and analyte."""
        return adam.as_text(self.made("adlb"))

    @property
    def ard(self) -> pl.DataFrame:
        """Analysis results data: one row per number."""
        return self.derived.ard

    @property
    def findings(self) -> pl.DataFrame:
        """What is odd in the data: one row per finding."""
        return self.derived.findings

    @property
    def discrepancies(self) -> pl.DataFrame:
        """Derived against collected responses: one row per difference."""
        return self.derived.discrepancies

    @cached_property
    def subjects(self) -> pl.DataFrame:
        """The study's subjects, canonical columns and the study's own."""
        return self.study.tables["subjects"].collect()

    @property
    def subject_count(self) -> int:
        """Number of subjects in the study."""
        return self.subjects.height

    def endpoint_counts(self) -> dict[str, dict[str, Any]]:
        """By PARAMCD: the endpoint's `label`, its `records`, and how many are `events` or `responders`; times to event first."""
        from rules_engine.report import counts_of_endpoints

        return counts_of_endpoints(self._report_view)

    def findings_overview(self) -> FindingsOverview:
        """The findings by severity and rule, as a short text, and as a table in a notebook."""
        return FindingsOverview(self.findings)

    def __str__(self) -> str:
        """The run in a screenful of text: endpoints with their main estimates, the commonest findings."""
        from rules_engine.report import summary_text

        return summary_text(self._report_view)

    def __repr__(self) -> str:
        return f"<Result of {self.ruleset.id} on {self.subject_count:,} subjects, data cut-off {self.data_cutoff}>"

    def _repr_html_(self) -> str:
        """The result in a notebook: what was run, each endpoint in numbers, the findings by rule."""
        rows = [
            (name, told["label"], told["records"], next(f"{told[what]} {what}" for what in _COUNTED if what in told))
            for name, told in self.endpoint_counts().items()
        ]
        about = [("ruleset", self.ruleset.id), ("data cut-off", self.data_cutoff), ("subjects", self.subject_count)]
        return notebook.card(
            self.ruleset.title,
            notebook.facts(about),
            notebook.table(["Endpoint", "Label", "Records", "Of these"], rows),
            self.findings_overview()._repr_html_(),
        )

    def data_sets(self) -> dict[str, pl.DataFrame]:
        """Everything that `write` puts into files, by name."""
        return {name: getattr(self, name) for name in _WRITTEN}

    def as_written(self) -> Mapping[str, pl.DataFrame | pl.LazyFrame]:
        """The same as it goes into the files: words as categories (`adam.as_text`)."""
        return {name: self.made(name) if name in MADE else getattr(self, name) for name in _WRITTEN}

    def made(self, name: str) -> pl.DataFrame:
        """A data set as it is made, words as categories; kept until `forget_made`."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def forget_made(self, name: str) -> None:
        """Let go of a data set that `made` keeps."""
        self._made.pop(name, None)

    def _make(self, name: str) -> pl.DataFrame:
        derived, study, ruleset = self.derived, self.study, self.ruleset
        if name == "adtr":
            sums = {stream: self._criterion(stream).sum_of for stream in derived.timepoints}
            return adam.adtr(derived.timepoints, study, ruleset, derived.baselines, sums)
        if name == "adrs":
            of_subjects = derived.subject_responses
            return adam.adrs(derived.timepoints, derived.collected, derived.responses, study, ruleset, of_subjects)
        if name == "adtte":
            return adam.adtte(derived.time_to_event, study, ruleset)
        if name == "adae":
            return adam.adae(derived.adverse_events, study, ruleset)
        if name == "adlb":
            return adam.adlb(derived.labs, study, ruleset)
        if derived.candidates is not None:
            return derived.candidates
        return pipeline.derive_candidates(
            ruleset, study.tables, derived.timepoints, self.registry, self.data_cutoff, derived.collected
        )

    def write(self, out: str | Path, *, formats: Sequence[str] = ("parquet",), report: bool = True) -> dict[str, Path]:
        """Write every data set, the manifest and, unless told not to, the report into the folder `out`; all or nothing.

        Returns the path of everything written, by name. Raises `UsageError` where the folder cannot be written.
        """
        documents = {"report.html": self._page()} if report else {}
        described = next((writer for writer in chosen_writers(formats, self.registry) if writer.described), None)
        if described is not None:
            documents["define.xml"] = self._define_xml(described)
        return write_outputs(
            self.as_written(), Path(out), manifest=self.manifest, formats=formats, documents=documents, registry=self.registry,
            inputs=[Path(source.path) for source in self.study.sources if source.path is not None and not source.alone],
        )  # fmt: skip

    def report(self, path: str | Path) -> Path:
        """Write the report, one self-contained HTML page, to `path`."""
        return write_text(Path(path), self._page())

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was run on what: ruleset as resolved, versions, hashes of the inputs, cut-off. No clock time."""
        return build_manifest(self.ruleset, self.study, self.registry, self.data_cutoff)

    def explain(
        self,
        subject: str,
        endpoint: str | None = None,
        *,
        response: str | None = None,
        visit: date | str | None = None,
    ) -> Explanation:
        """Why the subject's records are as they are: an endpoint, the visits of a response stream, one visit, or everything.

        `str()` of what comes back is the text, `as_dict()` the same as data. Raises `UsageError` where the study has no such
        subject or visit, or the ruleset no such endpoint or response.
        """
        from rules_engine.explain import explain_subject

        return explain_subject(
            self.study.tables, self.ruleset, self.registry, self.data_cutoff, subject,
            endpoint=endpoint, response=response, visit=visit,
        )  # fmt: skip

    def timeline(self, subject: str, endpoint: str | None = None, *, response: str | None = None) -> SubjectTimeline:
        """The subject's course as a picture: responses, target sum, treatment, events, and what each endpoint came to.

        `write` puts it into an SVG or PNG file. Raises `UsageError` as `explain` does.
        """
        from rules_engine.explain import subject_timeline

        return subject_timeline(
            self.study.tables, self.ruleset, self.registry, self.data_cutoff, subject,
            endpoint=endpoint, response=response,
        )  # fmt: skip

    def figures(self) -> Mapping[str, Figure]:
        """The figures of the report by name (`km-PFS`, `waterfall-overall` …), as SVG texts that the page's style paints.

        `rules_engine.report.figure_file(figure, "svg" | "png" | "pdf")` makes a file of one.
        """
        from rules_engine.report import figures_of

        return figures_of(self._report_view)

    def tables(self) -> Mapping[str, Table]:
        """The tables of the report by name; `rules_engine.report.table_file(table, "csv" | "md" | "tex" | "rtf")` makes a file of one."""
        from rules_engine.report import tables_of

        return tables_of(self._report_view)

    def diff(self, after: Result, *, endpoints: Sequence[str] = ()) -> Comparison:
        """What differs between this run (before) and another of the same study: rules, records, estimates.

        `endpoints` limits records and estimates to these PARAMCD. Raises `UsageError` for one that neither ruleset has.
        """
        from rules_engine.diff import compare_runs

        return compare_runs(self._side, after._side, endpoints=endpoints)

    @property
    def _side(self) -> Side:
        from rules_engine.diff import Side

        return Side(self.ruleset, self.study.tables, self.derived, self.data_cutoff, self.registry, self._report_view)

    def _define_xml(self, writer: Writer) -> str:
        from rules_engine.study.define_xml import define_xml

        return define_xml(
            self.data_sets(), self.ruleset, self.registry, study=self.study.id or self.ruleset.id,
            as_of=self.data_cutoff, writer=writer,
        )  # fmt: skip

    def _page(self) -> str:
        from rules_engine.report import render_report

        return render_report(self._report_view)

    def _courses(self, subjects: Sequence[str]) -> Sequence[Course]:
        from rules_engine.explain.courses import courses_of

        return courses_of(
            subjects,
            self.study.tables,
            self.derived.timepoints,
            self.derived.baselines,
            self.ruleset,
            self.registry,
            self.data_cutoff,
        )

    @cached_property
    def _report_view(self) -> ReportView:
        from rules_engine.describe import definition_blocks
        from rules_engine.report import ReportView

        return ReportView(
            ruleset=self.ruleset,
            data_cutoff=self.data_cutoff,
            subjects=self.subjects,
            time_to_event=self.derived.time_to_event,
            responses=self.derived.responses,
            ard=self.ard,
            findings=self.findings,
            timepoints=self.derived.timepoints,
            discrepancies=self.discrepancies,
            hys_law=self.derived.hys_law,
            treatments=self.study.tables["treatments"].collect(),
            manifest=self.manifest,
            analysis_options=self.derived.analysis_options,
            definitions=definition_blocks(self.ruleset, self.registry),
            courses=self._courses,
        )
