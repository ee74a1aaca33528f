"""The tests that may notice a fault, cheapest first. Each says what it noticed of a fault in a module, or None.

Nothing of the engine is imported here before a suite runs: it would be without the fault.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from inspect import signature
from itertools import product
from typing import Any

from tests.mutation.scope import ROOT, TRIED, Area, left_alone, modules

Suite = Callable[[str], str | None]
SUITES = ("own", "glance", "agreement", "cases", "unit", "properties", "length")

#: Suites that leave nothing behind which another run would find.
LEAVES_NOTHING = {"own", "glance", "agreement", "cases", "length"}

#: Plugins of pytest are imported before the fork.
_FORKED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
_UNIT_TESTS = (
    "tests/unit/test_criteria_tables.py", "tests/unit/test_criteria_options.py", "tests/unit/test_criteria_components.py",
    "tests/unit/test_criteria_markers.py",
    "tests/unit/test_criteria_best_response.py", "tests/unit/test_criteria_edges.py", "tests/unit/test_criteria_rules.py",
    "tests/unit/test_criteria_findings.py", "tests/unit/test_criteria_lesion_records.py", "tests/unit/test_criteria_bad_input.py",
    "tests/unit/test_criteria_who.py", "tests/unit/test_explain_timepoints.py", "tests/unit/test_criteria_outputs.py",
    "tests/unit/test_criteria_sharing.py",
)  # fmt: skip
#: Tests of what these modules do: asked before all others.
_TESTS_FIRST = {
    **dict.fromkeys(
        ("of_baseline", "of_new_lesions", "of_records", "of_timepoints", "saying"),
        ("tests/unit/test_criteria_findings.py", "tests/unit/test_criteria_bad_input.py"),
    ),
    **dict.fromkeys(("best_response", "confirmation", "progression"), ("tests/unit/test_criteria_best_response.py",)),
    **dict.fromkeys(
        ("lesions", "new_lesions", "numbers", "responses", "timepoints", "visits"),
        ("tests/unit/test_criteria_tables.py", "tests/unit/test_criteria_edges.py"),
    ),
    "lesion_records": ("tests/unit/test_criteria_tables.py", "tests/unit/test_criteria_lesion_records.py"),
    **dict.fromkeys(("sharing", "columns"), ("tests/unit/test_criteria_sharing.py",)),
    "subjects": ("tests/unit/test_criteria_edges.py", "tests/unit/test_criteria_outputs.py"),
    "components": ("tests/unit/test_criteria_components.py",),
    "markers": ("tests/unit/test_criteria_markers.py",),
    **dict.fromkeys(("options", "irecist"), ("tests/unit/test_criteria_options.py",)),
    **dict.fromkeys(
        ("mrecist_irecist", "reassessment", "reporting"),
        (
            "tests/unit/test_criteria_options.py",
            "tests/unit/test_criteria_edges.py",
            "tests/unit/test_criteria_rules.py",
        ),
    ),
}
_PROPERTIES = ("tests/properties/test_criteria_properties.py", "tests/unit/test_criteria_of_third_parties.py")


def draw_samples(*, at_length: bool) -> bytes:
    """Random histories with the answers of the reference, which no fault can change: they are worked out once."""
    from tests.properties import test_criteria_agree as agree

    usual, odd, subjects = (
        (range(2000, 2030), range(200, 210), 500) if at_length else (range(agree.SPREAD), range(2), 400)
    )
    # The first of each kind notices most.
    seeds = sorted(
        [*((number, "") for number in usual), *((number, "odd ") for number in odd)], key=lambda it: it[0] % 100
    )
    drawn = [
        agree.draw(criterion, f"{kind}{number}" if kind else number, subjects, odd=bool(kind))
        for number, kind in seeds
        for criterion in CRITERIA
    ]
    answers = [(sample, agree.expected_answers(sample)) for sample in drawn]
    return pickle.dumps([*answers, *_faulty_samples(at_length=at_length)], protocol=pickle.HIGHEST_PROTOCOL)


def _faulty_samples(*, at_length: bool) -> list[Any]:
    """Histories with mistakes in them, and what is to be said of each."""
    from tests.properties import test_criteria_findings_agree as agree

    seeds = range(20, 26) if at_length else range(2)
    drawn = [agree.draw(criterion, seed, 200, agree.faulty_history) for seed in seeds for criterion in CRITERIA]
    sound = [agree.draw(criterion, seed, 200, agree.with_baseline) for seed in seeds for criterion in CRITERIA[:3]]
    return [
        *((sample, agree.expected_of_records(sample), False) for sample in drawn),
        *((sample, agree.expected_of_visits(sample), True) for sample in sound),
    ]


#: Modules that say what is odd: another reference has that.
_WITH_FINDINGS = ("reassessment", "lesions", "visits", "lesion_records", "new_lesions", "numbers")
_VALIDATION = ("of_baseline", "of_new_lesions", "of_records", "of_timepoints", "saying")
#: Modules that judge no scan: no reference has a say of what they add.
_BESIDE_THE_SCANS = ("components", "subjects", "markers")
_OF_REASSESSMENT = ("reassessment", "new_lesion_growth", "reporting", "irecist", "mrecist_irecist")
_WITHOUT_REASSESSMENT = ("recist_1_1", "mrecist")
#: From the one that is the quickest to read.
CRITERIA = ("recist_1_1", "mrecist", "irecist", "mrecist_irecist")


def agreement(samples: list[Any], module: str) -> str | None:
    """The engine against the reference, as in `tests/properties/test_criteria_agree.py`."""
    from tests.properties import test_criteria_agree as agree

    if module in _BESIDE_THE_SCANS:
        return None
    if module in _VALIDATION:
        return findings(samples, module)
    for place, (sample, expected, *of_findings) in enumerate(samples):
        if of_findings:
            continue
        if module in _OF_REASSESSMENT and sample.criterion in _WITHOUT_REASSESSMENT:
            continue  # no fault there is one of these criteria
        found = agree.disagreements(sample, expected)
        if found:
            samples.insert(0, samples.pop(place))  # it will notice the next one, too
            return found[0].splitlines()[0]
    return findings(samples, module) if module in ("", *_WITH_FINDINGS) else None


def findings(samples: list[Any], _module: str) -> str | None:
    """What the engine finds odd against another reference, as in `tests/properties/test_criteria_findings_agree.py`."""
    from tests.properties import test_criteria_findings_agree as agree

    for place, (sample, expected, *of_findings) in enumerate(samples):
        if of_findings:
            found = agree.disagreements(sample, expected, of_visits=of_findings[0])
            if found:
                samples.insert(0, samples.pop(place))
                return str(found[0])
    return None


def cases(module: str) -> str | None:
    """The worked cases that the rulesets ship."""
    from rules_engine.casebook import run_cases
    from rules_engine.registry import default_registry

    left_out = _WITHOUT_REASSESSMENT if module in _OF_REASSESSMENT else ()
    folders = [ROOT / "rulesets" / criterion for criterion in CRITERIA if criterion not in left_out]
    if module in ("components", "markers"):  # what criteria share that judge no scan
        folders = sorted((ROOT / "plugins").glob("*/rulesets/*"))
    failed = [outcome for outcome in run_cases(folders, default_registry()) if not outcome.passed]
    return failed[0].id if failed else None


def own_tests(first: Mapping[str, Sequence[str]], module: str) -> str | None:
    """The unit tests that are there for this module, called one by one: those that need nothing but their parameters."""
    calls = _calls(tuple(first.get(module, ())))
    for place, (name, test, arguments) in enumerate(calls):
        try:
            test(**arguments)
        except Exception as error:  # whatever goes wrong has been noticed
            calls.insert(0, calls.pop(place))  # it will notice the next one, too
            return f"{name}: {type(error).__name__}"
    return None


@cache
def _calls(asked: tuple[str, ...]) -> list[tuple[str, Callable[..., None], dict[str, Any]]]:
    files = [file.removesuffix(".py").replace("/", ".") for file in asked]
    tests = [(f"{file}.{name}", test) for file in files for name, test in vars(import_module(file)).items()]
    return [
        (name, test, arguments)
        for name, test in tests
        if name.rpartition(".")[2].startswith("test_")
        for arguments in _arguments(test)
    ]


def _arguments(test: Callable[..., None]) -> Iterator[dict[str, Any]]:
    """What the test is called with, each time that pytest would call it; nothing where it asks for a fixture."""
    marks = getattr(test, "pytestmark", ())
    if any(mark.name == "slow" for mark in marks):
        return
    told = [mark for mark in marks if mark.name == "parametrize"]
    names = [
        [name.strip() for name in mark.args[0].split(",")] if isinstance(mark.args[0], str) else mark.args[0]
        for mark in told
    ]
    if set(signature(test).parameters) != {name for some in names for name in some}:
        return
    for chosen in product(*(mark.args[1] for mark in told)):
        arguments: dict[str, Any] = {}
        for its_names, given in zip(names, chosen, strict=True):
            values = getattr(given, "values", given) if hasattr(given, "marks") else given  # of pytest.param
            alone = len(its_names) == 1 and not hasattr(given, "marks")
            arguments |= zip(its_names, [values] if alone else values, strict=True)
        yield arguments


def pytest_of(files: Sequence[str], first: Mapping[str, Sequence[str]], module: str) -> str | None:
    """Tests run by pytest, up to the first that fails."""
    import pytest

    files = sorted(files, key=lambda file: (file not in first.get(module, ()), files.index(file)))

    class FirstFailure:
        name: str | None = None

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed and self.name is None:
                self.name = report.nodeid

    failure = FirstFailure()
    code = pytest.main(
        ["-x", "-q", "-p", "no:cacheprovider", *_FORKED, *(str(ROOT / file) for file in files)], [failure]
    )
    return None if code == 0 else failure.name or f"pytest ends with {code}"


def import_everything() -> None:
    """So that a fault in a function, which is exchanged in place, needs no import at all, and no plugin or file is read again."""
    from rules_engine import casebook, cli  # noqa: F401
    from rules_engine.loading import load_criterion_rules
    from rules_engine.registry import default_registry

    from tests.properties import test_criteria_agree  # noqa: F401

    for criterion in CRITERIA:
        load_criterion_rules(criterion, registry=default_registry())


#: So many of the random histories notice most of what all of them notice.
AT_A_GLANCE = 8
Draw = Callable[[Callable[[], bytes]], bytes]


def choice_of_suites(
    draw_samples: Callable[..., bytes],
    agreement: Callable[[Any, str], str | None],
    cases: Suite,
    unit_tests: Sequence[str],
    properties: Sequence[str],
    tests_first: Mapping[str, Sequence[str]],
) -> Callable[[Sequence[str], Draw], dict[str, Suite]]:
    """How an area gives the suites of some names, in their order; `draw` has samples made where the engine may be imported."""

    def suites(names: Sequence[str], draw: Draw) -> dict[str, Suite]:
        @cache
        def drawn(*, at_length: bool) -> list[Any]:
            return list(pickle.loads(draw(partial(draw_samples, at_length=at_length))))  # noqa: S301

        def against(samples: slice, *, at_length: bool = False) -> Suite:
            return partial(agreement, drawn(at_length=at_length)[samples])

        every: dict[str, Callable[[], Suite]] = {
            "own": lambda: partial(own_tests, tests_first),
            "glance": lambda: against(slice(AT_A_GLANCE)),
            "agreement": lambda: against(slice(AT_A_GLANCE if "glance" in names else 0, None)),
            "cases": lambda: cases,
            "unit": lambda: partial(pytest_of, unit_tests, tests_first),
            "properties": lambda: partial(pytest_of, properties, tests_first),
            "length": lambda: against(slice(None), at_length=True),
        }
        return {name: suite() for name, suite in every.items() if name in names}

    return suites


CRITERIA_AREA = Area(
    name="criteria",
    tried=TRIED,
    # Nothing of what is tried may be among it, directly or not.
    imported=(
        "hypothesis", "jsonschema", "pluggy", "polars", "pytest", "scipy.stats", "yaml", "rules_engine.analysis", "rules_engine.describe",
        "rules_engine.endpoints", "rules_engine.grading", "rules_engine.loading", "rules_engine.registry",
        "rules_engine_plugins.admiralonco", "rules_engine_plugins.ctcae", "rules_engine_plugins.endpoints",
        "rules_engine_plugins.estimators", "rules_engine_plugins.events", "rules_engine_plugins.readers",
    ),
    modules=modules,
    suites=choice_of_suites(draw_samples, agreement, cases, _UNIT_TESTS, _PROPERTIES, _TESTS_FIRST),
    left_alone=left_alone,
    import_everything=import_everything,
)  # fmt: skip
