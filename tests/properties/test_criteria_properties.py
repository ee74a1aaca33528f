"""What must hold for every lesion history, whoever reads it: laws of the criteria, tested on the engine."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from tests.strategies.criteria_engine import Answers, ask, findings_of, first_day, random_subjects
from tests.strategies.lesions import CRITERIA, Row, random_options

PEOPLE = random_subjects("laws", 200)
PLAIN = ["recist_1_1", "mrecist"]
#: A better best response stands further to the left; a tightened rule may only move to the right.
AT_LEAST = {
    "CR": ("CR",),
    "PR": ("CR", "PR"),
    "SD": ("CR", "PR", "SD"),
    "NON-CR/NON-PD": ("CR", "PR", "SD", "NON-CR/NON-PD"),
}
I_TO_PLAIN = {"iCR": "CR", "iPR": "PR", "iSD": "SD", "NON-iCR/NON-iUPD": "NON-CR/NON-PD"}


def options_for(criterion: str, seed: int = 0) -> dict[str, Any]:
    return random_options(random.Random(f"{criterion} laws {seed}"), criterion)


def changed(people: Mapping[str, Sequence[Row]], change: Callable[[Row], Row]) -> dict[str, list[Row]]:
    return {name: [change(row) for row in rows] for name, rows in people.items()}


def same(first: Answers, second: Answers) -> bool:
    return (first.timepoints, first.best, first.progression, first.pfs) == (
        second.timepoints, second.best, second.progression, second.pfs,
    )  # fmt: skip


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_order_of_rows_does_not_matter(criterion: str) -> None:
    options = options_for(criterion)
    shuffled = {name: random.Random(name).sample(rows, len(rows)) for name, rows in reversed(PEOPLE.items())}
    assert same(ask(criterion, options, PEOPLE), ask(criterion, options, shuffled))


@pytest.mark.parametrize("criterion", CRITERIA)
def test_the_names_of_lesions_do_not_matter(criterion: str) -> None:
    options = options_for(criterion, 1)

    def rename(row: Row) -> Row:
        return {**row, "lesion_id": _mirrored(row["lesion_id"]), "into": row["into"] and _mirrored(row["into"])}

    assert same(ask(criterion, options, PEOPLE), ask(criterion, options, changed(PEOPLE, rename)))


def _mirrored(name: str) -> str:
    """A name that sorts the other way round."""
    return f"{999 - int(''.join(filter(str.isdigit, name))):03d}-{'Z' if name.startswith('N') else 'A'}-{name[:2]}"


@pytest.mark.parametrize("criterion", CRITERIA)
def test_no_subject_changes_another(criterion: str) -> None:
    options = options_for(criterion, 2)
    together = ask(criterion, options, PEOPLE)
    names = sorted(PEOPLE)
    for part in (names[::2], names[1::2]):
        alone = ask(criterion, options, {name: PEOPLE[name] for name in part})
        assert all(alone.timepoints[name] == together.timepoints[name] for name in part)
        assert all(alone.best.get(name) == together.best.get(name) for name in part)
        assert all(alone.progression.get(name) == together.progression.get(name) for name in part)


SPOILS: list[Callable[[random.Random, list[Row]], list[Row]]] = [
    lambda _rng, rows: [{**row, "is_baseline": True} for row in rows],
    lambda _rng, rows: [{**row, "is_baseline": False} for row in rows],
    lambda rng, rows: [{**row, "visit_date": rng.choice(rows)["visit_date"]} for row in rows],
    lambda rng, rows: [{**row, "role": rng.choice(["target", "non-target", "new"])} for row in rows],
    lambda _rng, rows: [{**row, "lesion_id": "T1"} for row in rows],
    lambda rng, rows: rows + rng.sample(rows, len(rows) // 2),
    lambda rng, rows: [{**row, "state": "merged", "into": rng.choice(["T1", "nowhere", None])} for row in rows],
    lambda rng, rows: [{**row, "mm_x100": rng.choice([-1, 10**7, None]), "viable_mm_x100": None} for row in rows],
    lambda _rng, rows: [{**row, "fragment_id": "F"} for row in rows],
    lambda _rng, rows: [{**row, "organ": None, "node": None, "vs_last": None, "certainty": None} for row in rows],
    lambda _rng, rows: [row for row in rows if not row["is_baseline"]],
]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_spoiling_one_subject_changes_no_other_and_stops_nothing(criterion: str) -> None:
    options = options_for(criterion, 9)
    rng = random.Random(criterion)
    names = sorted(PEOPLE)[:60]
    sound = {name: PEOPLE[name] for name in names}
    spoiled = dict(sound)
    for name, spoil in zip(names, SPOILS, strict=False):
        spoiled[name] = spoil(rng, spoiled[name])
    before, after = ask(criterion, options, sound), ask(criterion, options, spoiled)
    said_before, said_after = findings_of(criterion, options, sound), findings_of(criterion, options, spoiled)
    for name in names[len(SPOILS) :]:
        assert before.timepoints[name] == after.timepoints[name]
        assert (before.best.get(name), before.progression.get(name)) == (
            after.best.get(name),
            after.progression.get(name),
        )
        assert said_before.get(name) == said_after.get(name)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_shift_in_time_shifts_dates_and_nothing_else(criterion: str) -> None:
    options, days = options_for(criterion, 3), timedelta(1000)
    before = ask(criterion, options, PEOPLE)
    after = ask(criterion, options, changed(PEOPLE, lambda row: {**row, "visit_date": row["visit_date"] + days}))
    for name in PEOPLE:
        moved = [{key: _moved(value, days) for key, value in row.items()} for row in before.timepoints[name]]
        assert moved == after.timepoints[name]


def _moved(value: object, days: timedelta) -> object:
    """A date, or the days that a trace names, so much later."""
    if isinstance(value, date):
        return value + days
    if isinstance(value, str):
        return re.sub(r"\d{4}-\d\d-\d\d", lambda day: str(date.fromisoformat(day[0]) + days), value)
    return value


@pytest.mark.parametrize("criterion", PLAIN)
def test_the_unit_of_length_does_not_matter_where_no_length_is_a_threshold(criterion: str) -> None:
    """Without nodes, lesions too small to measure, new liver nodules and an absolute minimum, only ratios decide."""

    def is_relative(row: Row) -> bool:
        return not row["node"] and row["state"] != "tstm" and not (row["role"] == "new" and row["organ"] == "liver")

    def triple(row: Row) -> Row:
        return {**row, **{key: row[key] and row[key] * 3 for key in ("mm_x100", "viable_mm_x100")}}

    relative = {name: [row for row in rows if is_relative(row)] for name, rows in PEOPLE.items()}
    relative = {name: rows for name, rows in relative.items() if any(row["is_baseline"] for row in rows)}
    options = {**options_for(criterion, 4), "pd.abs_mm": 0}
    small, large = ask(criterion, options, relative), ask(criterion, options, changed(relative, triple))
    for name in relative:
        for one, other in zip(small.timepoints[name], large.timepoints[name], strict=True):
            assert [one[c] for c in ("target", "nontarget", "overall")] == [
                other[c] for c in ("target", "nontarget", "overall")
            ]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_lesion_without_a_row_is_a_lesion_that_was_not_evaluated(criterion: str) -> None:
    """Leaving a row out gives what the state or status `ne` gives, and never CR, PR or SD of the targets."""
    options = options_for(criterion, 5)
    rng = random.Random("missing")
    left_out, not_evaluated, where = {}, {}, {}
    for name, rows in PEOPLE.items():
        victims = [
            row for row in rows if not row["is_baseline"] and row["role"] != "new" and row["fragment_id"] is None
        ]
        victims = [row for row in victims if sum(r["visit_date"] == row["visit_date"] for r in rows) > 1]
        if not victims:
            continue
        victim = rng.choice(victims)
        empty = {
            "mm_x100": None,
            "viable_mm_x100": None,
            "state": None,
            "status": None,
            "into": None,
            "vs_last": "same",
        }
        unknown = {**victim, **empty, "state" if victim["role"] == "target" else "status": "ne"}
        left_out[name] = [row for row in rows if row is not victim]
        not_evaluated[name] = [unknown if row is victim else row for row in rows]
        where[name] = victim
    missing, unknown_there = ask(criterion, options, left_out), ask(criterion, options, not_evaluated)
    assert missing.timepoints == unknown_there.timepoints
    for name, victim in where.items():
        if victim["role"] == "target":
            at = next(row for row in missing.timepoints[name] if row["visit_date"] == victim["visit_date"])
            assert at["target"] in ("NE", "PD")


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize(
    ("loose", "tight"),
    [
        ({"bor.confirmation": "none"}, {"bor.confirmation": "required"}),
        ({"bor.confirm_max_ne": 2}, {"bor.confirm_max_ne": 0}),
        ({"bor.confirm_max_sd": 1}, {"bor.confirm_max_sd": 0}),
        ({"bor.confirm_min_days": 28}, {"bor.confirm_min_days": 56}),
        ({"bor.sd_min_days": 42}, {"bor.sd_min_days": 84}),
    ],
)
def test_a_stricter_confirmation_never_improves_the_best_response(
    criterion: str, loose: dict[str, Any], tight: dict[str, Any]
) -> None:
    options = {"bor.confirmation": "required", "pr.persistence": "memoryless"}
    before, after = ask(criterion, {**options, **loose}, PEOPLE), ask(criterion, {**options, **tight}, PEOPLE)
    for name in PEOPLE:
        strict, easy = after.best[name]["bor"], before.best[name]["bor"]
        strict, easy = I_TO_PLAIN.get(strict, strict), I_TO_PLAIN.get(easy, easy)
        assert easy in AT_LEAST.get(strict, (easy,)), (name, easy, strict)


@pytest.mark.parametrize("criterion", PLAIN)
def test_progression_does_not_depend_on_how_long_pr_lasts(criterion: str) -> None:
    options = options_for(criterion, 6)
    lasting = ask(criterion, {**options, "pr.persistence": "after_established"}, PEOPLE)
    forgetful = ask(criterion, {**options, "pr.persistence": "memoryless"}, PEOPLE)
    assert lasting.progression == forgetful.progression
    for name in PEOPLE:
        for one, other in zip(lasting.timepoints[name], forgetful.timepoints[name], strict=True):
            assert one["target"] == other["target"] or (one["target"], other["target"]) == ("PR", "SD")


@pytest.mark.parametrize("criterion", PLAIN)
def test_retrospective_dating_moves_progression_only_forward_and_both_ways_to_the_same_day(criterion: str) -> None:
    restated, moved, kept = (
        ask(criterion, {"equivocal.backdate": how}, PEOPLE) for how in ("restate", "date_only", "none")
    )
    assert restated.progression == moved.progression
    assert any(restated.progression[name] != kept.progression[name] for name in PEOPLE if name in kept.progression)
    for name in PEOPLE:
        late, early = kept.progression.get(name), moved.progression.get(name)
        assert (late is None) == (early is None)
        assert late is None or early is None or early <= late
        for one, other in zip(restated.timepoints[name], kept.timepoints[name], strict=True):
            assert one["overall_as_read"] == other["overall"]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_later_visit_does_not_change_an_earlier_reading(criterion: str) -> None:
    options = options_for(criterion, 7)
    last = {name: max(row["visit_date"] for row in rows) for name, rows in PEOPLE.items()}
    shorter = {
        name: [row for row in rows if row["is_baseline"] or row["visit_date"] < last[name]]
        for name, rows in PEOPLE.items()
    }
    whole, cut = ask(criterion, options, PEOPLE), ask(criterion, options, shorter)
    as_read = (
        "visit_date",
        "sum_x100",
        "nadir_x100",
        "target",
        "nontarget",
        "new_lesion",
        "overall_as_read",
        "accepted",
        "state",
    )
    for name in PEOPLE:
        for longer, short in zip(whole.timepoints[name], cut.timepoints[name], strict=False):
            assert [longer[c] for c in as_read] == [short[c] for c in as_read]


def test_irecist_begins_where_recist_ends() -> None:
    """Up to the first PD of RECIST 1.1 both say the same, and that PD is the first iUPD."""
    options = {"equivocal.backdate": "none"}
    plain, immune = ask("recist_1_1", options, PEOPLE), ask("irecist", options, PEOPLE)
    for name in PEOPLE:
        for one, other in zip(plain.timepoints[name], immune.timepoints[name], strict=True):
            if one["overall"] == "PD":
                assert other["overall"] == "iUPD"
                break
            assert I_TO_PLAIN.get(other["overall"], other["overall"]) == one["overall"]
        first, confirmed = plain.progression.get(name), immune.progression.get(name)
        assert confirmed is None or (first is not None and first <= confirmed)


def test_without_suspicion_the_mixture_is_mrecist() -> None:
    calm = changed(PEOPLE, lambda row: {**row, "suspected_pseudoprogression": False})
    options = options_for("mrecist", 8)
    plain, mixed = ask("mrecist", options, calm), ask("mrecist_irecist", options, calm)
    assert plain.progression == mixed.progression
    for name in calm:
        assert plain.best[name]["bor"] == mixed.best[name]["bor"]
        assert [row["overall"] for row in plain.timepoints[name]] == [
            row["basis_overall"] for row in mixed.timepoints[name]
        ]


def test_the_first_mrecist_progression_does_not_depend_on_suspicion() -> None:
    options = {"hybrid.progression_date": "first_mrecist_pd"}
    assert ask("mrecist_irecist", options, PEOPLE).progression == ask("mrecist", {}, PEOPLE).progression


def test_confirmation_waits_at_least_its_minimum() -> None:
    answers = ask("irecist", {}, PEOPLE)
    for name, rows in answers.timepoints.items():
        reasons = {row["visit_date"]: row["reason"] for row in PEOPLE[name]}
        for row in rows:
            if row["confirmation_reasons"] and reasons[row["visit_date"]] != "symptom":
                assert (row["visit_date"] - row["anchor_date"]).days >= 28
        assert first_day(PEOPLE[name]) not in [row["visit_date"] for row in rows]
