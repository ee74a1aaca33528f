"""What goes in and comes out, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from rules_engine.service.problems import ProblemOut

#: Characters of a ruleset that is handed in.
MAX_TEXT = 4_000_000
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Short = Annotated[str, StringConstraints(max_length=200)]


class Strict(BaseModel):
    """A request whose unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class RulesetIn(Strict):
    """A ruleset: the text of one, or the name of an installed one (one of the two).

    `bases` are texts of rulesets that it may extend or name beside the installed ones, by their ids.
    """

    text: Text | None = None
    name: Name | None = None
    bases: dict[Name, Text] = Field(default_factory=dict, max_length=20)
    parameters: dict[Short, str | int | float | bool | None] = Field(default_factory=dict, max_length=100)

    @model_validator(mode="after")
    def _one_of_the_two(self) -> RulesetIn:
        if (self.text is None) == (self.name is None):
            raise ValueError("state either the text of a ruleset or the name of an installed one")
        return self


class CompareIn(Strict):
    """Two rulesets whose meaning is compared."""

    before: RulesetIn
    after: RulesetIn


class DescribeIn(Strict):
    """A ruleset to tell in plain English."""

    ruleset: RulesetIn
    format: Literal["markdown", "html"] = "markdown"


class CompleteIn(Strict):
    """A place in a ruleset's text (line and column from 1) that is being typed; `bases` as in a ruleset that is handed in."""

    text: Text
    line: Annotated[int, Field(ge=1, le=MAX_TEXT)]
    column: Annotated[int, Field(ge=1, le=MAX_TEXT)]
    bases: dict[Name, Text] = Field(default_factory=dict, max_length=20)


class SuggestionOut(BaseModel):
    """A word that may stand there: what is shown, what is put in, what it means."""

    label: str
    insert: str
    kind: Literal["key", "value", "name"]
    detail: str


class CompleteOut(BaseModel):
    """The columns of the line that a suggestion replaces (the end not included), and the suggestions, best first."""

    start: int
    end: int
    suggestions: list[SuggestionOut]


class RunIn(Strict):
    """A protocol to run on a study, as seen on the day `data_cutoff` (without it, what the ruleset states)."""

    ruleset: RulesetIn
    study: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    data_cutoff: Day | None = None


class HealthOut(BaseModel):
    """The service answers."""

    status: Literal["ok"] = "ok"
    version: str


class ShippedOut(BaseModel):
    """An installed ruleset."""

    id: str
    kind: str
    title: str


class ShippedTextOut(ShippedOut):
    """An installed ruleset with its text."""

    text: str


class AboutOut(BaseModel):
    """What a right ruleset defines."""

    id: str
    kind: str
    title: str
    responses: list[str]
    endpoints: dict[str, str]
    analyses: list[str]
    data_cutoff: str | None


class CheckOut(BaseModel):
    """Whether a ruleset is right; every problem with line and column (of `protocol.yaml`, the text handed in)."""

    ok: bool
    exit_code: int
    problems: list[ProblemOut]
    ruleset: AboutOut | None


class DescribeOut(BaseModel):
    """A ruleset in plain English."""

    format: str
    text: str


class RuleOut(BaseModel):
    """A value in which two rulesets differ, with the places where it was stated."""

    model_config = ConfigDict(extra="allow")


class CompareOut(BaseModel):
    """The values in which two rulesets differ, however they are written or inherited."""

    rules: list[RuleOut]


class FileOut(BaseModel):
    """A file of a study."""

    name: str
    bytes: int


class StudyOut(BaseModel):
    """A study that runs may name."""

    id: str
    title: str
    origin: Literal["demo", "configured", "uploaded"]
    data_cutoff: str | None


class StudyFilesOut(StudyOut):
    """A study with its files."""

    files: list[FileOut]


class RunOut(BaseModel):
    """A run: where it stands, and when it is done what it came to."""

    id: str
    study: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    stage: str
    exit_code: int | None
    problems: list[ProblemOut]
    summary: dict[str, Any] | None


class ColumnOut(BaseModel):
    """A column of a table, and the Polars type of its values."""

    name: str
    type: str


class TableOut(BaseModel):
    """Rows `offset` to `offset + len(rows)` of the `total` rows of a table; dates are ISO text."""

    table: str
    columns: list[ColumnOut]
    rows: list[dict[str, Any]]
    offset: int
    total: int


class ExplanationOut(BaseModel):
    """Why the records of a subject are as they are, as data (docs/explain.md) and as text."""

    explanation: dict[str, Any]
    text: str


class FigureOut(BaseModel):
    """A picture as an SVG document."""

    name: str
    caption: str
    svg: str


class DiffOut(BaseModel):
    """What differs between two runs (docs/diff.md), with the curves of both."""

    before: dict[str, Any]
    after: dict[str, Any]
    results_differ: bool
    rules: list[RuleOut]
    records: list[dict[str, Any]]
    estimates: list[dict[str, Any]]
    text: str
    figures: list[FigureOut]
