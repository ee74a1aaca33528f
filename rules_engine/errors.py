"""What can go wrong, as one tree; every error says where, what and what to do.

    RulesEngineError
    ├── UsageError     (exit 2)  the call itself cannot be carried out: a missing path, an unwritable folder
    ├── RulesetError   (exit 2)  one or more problems in a ruleset, each with file, line and column
    ├── StudyError     (exit 3)  the study's data cannot be used: a missing table or column, a wrong type
    ├── PluginError    (exit 4)  a plugin is missing, duplicate, incompatible, failing, or broke its contract
    ├── Cancelled      (exit 130) whoever called asked for the run to stop
    └── InternalError  (exit 70) our own fault

Odd data that does not block a correct result is not an error but a finding (`rules_engine.findings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import ClassVar

EXIT_DONE = 0
EXIT_FOUND = 1
EXIT_RULESET = 2
EXIT_DATA = 3
EXIT_PLUGIN = 4
EXIT_OURS = 70
EXIT_CANCELLED = 130


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    `where` names the place for a person (`rulesets/a/ruleset.yaml:31:5`, or `table labs, row 12, subject 01-014`);
    `path` is the place inside the document (`endpoints.PFS.options.new_therapy`), empty for data.
    """

    where: str
    what: str
    remedy: str = ""
    path: str = ""
    meant: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = f"{self.where} ({self.path})" if self.path else self.where
        lines = [place, f"  {self.what}"]
        if self.meant:
            lines.append(f"  did you mean {self.meant!r}?")
        if self.remedy:
            lines.append(f"  {self.remedy}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """The problem as plain data, for `--json`."""
        return {
            "where": self.where, "file": self.file, "line": self.line, "column": self.column,
            "path": self.path, "what": self.what, "meant": self.meant, "remedy": self.remedy,
        }  # fmt: skip


@dataclass
class RulesEngineError(Exception):
    """Base of every error that the engine raises on purpose; `problems` holds one entry per fault."""

    problems: Sequence[Problem] = field(default_factory=tuple)
    exit_code: ClassVar[int] = EXIT_OURS

    def __post_init__(self) -> None:
        self.problems = tuple(self.problems)
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    @classmethod
    def at(cls, where: str, what: str, remedy: str = "", *, meant: str = "", path: str = "") -> RulesEngineError:
        """Build an error of this class with a single problem."""
        return cls([Problem(where=where, what=what, remedy=remedy, meant=meant, path=path)])


class UsageError(RulesEngineError):
    """The call cannot be carried out as asked."""

    exit_code = EXIT_RULESET


class RulesetError(RulesEngineError):
    """A ruleset cannot be used; all its problems are listed."""

    exit_code = EXIT_RULESET


class StudyError(RulesEngineError):
    """The study's data cannot be used; all blocking problems are listed."""

    exit_code = EXIT_DATA


class ReadError(Exception):
    """A file or connection is not what it should be: what a reader says of it, before the table and its place are known.

    `place` is where inside it (`line 17`, `sheet labs`).
    """

    def __init__(self, what: str, remedy: str = "", *, place: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.place = place


class WriteError(Exception):
    """A format cannot hold the data without loss: what a writer says, before the file is known."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class PluginError(RulesEngineError):
    """A plugin is missing, duplicate, incompatible, failing to import, or returned what its contract forbids."""

    exit_code = EXIT_PLUGIN


class Cancelled(RulesEngineError):  # noqa: N818  (it is no fault of anybody's)
    """The run was stopped because its `cancel` said so; nothing was derived, nothing was written."""

    exit_code = EXIT_CANCELLED


class InternalError(RulesEngineError):
    """Something that must not happen happened; please report it."""

    exit_code = EXIT_OURS


def closest(word: str, known: Iterable[str]) -> str:
    """The known word nearest to `word`, or an empty string when none is near.

    Case is ignored, so that `pfs` finds `PFS`.
    """
    by_folded = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""
