"""The story of a response endpoint from the usable assessments on: best response with confirmation, or response at a landmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from rules_engine import terms
from rules_engine.endpoints import response_reasons as reasons
from rules_engine.explain.rulebook import Rule
from rules_engine.explain.sentences import Sentence
from rules_engine.explain.traced import Row, Traced, assessment, source_of
from rules_engine.explain.words import days, listed

_RESPONSES = (terms.CR, terms.PR)
_STABLE = (terms.CR, terms.PR, terms.SD, terms.NON_CR_NON_PD)


# Best response -----------------------------------------------------------------------------------------------------------


def tell_best_response(traced: Traced, record: Row) -> Iterator[Sentence]:
    """What each assessment up to progression counts as, and which is the best."""
    if traced.clock is None:
        return
    rows = _up_to_progression(traced)
    for row in rows:
        yield _value(traced, row, rows)
    if not rows:
        why = reasons.MEANINGS[record["rule_id"]]
        yield Sentence(f"There is nothing to choose the best from ({why}), so the best response is {record['value']}.")
        return
    yield Sentence(
        f"The best of these is {record['value']}, first on {record['date']}.", (), (source_of(record),), record["date"]
    )


def _up_to_progression(traced: Traced) -> list[Row]:
    end = None if traced.progression is None else traced.progression["p_date"]
    return [row for row in traced.window if end is None or row["date"] <= end]


def _value(traced: Traced, row: Row, rows: Sequence[Row]) -> Sentence:
    """One assessment: what it shows, and what it counts as for the best response."""
    code, day = row["code"], row["date"]
    text, rules = f"{day}: {assessment(row)}", []
    if code != row["response"]:
        text += f" shows {code}"
    if code in _RESPONSES and traced.options["response"]["confirmation"] == "required":
        rules.append(traced.book.option("response.confirmation"))
        by = confirmed_by(row, rows, traced.options["response"])
        text += f", confirmed on {by['date']}" if by is not None else ", not confirmed"
    if code in _STABLE and not (code in _RESPONSES and day in traced.confirmed):
        since = (day - traced.clock["t0"]).days if traced.clock else 0
        least = traced.options["response"]["sd_min_days"]
        value = terms.NON_CR_NON_PD if code == terms.NON_CR_NON_PD else terms.SD
        enough = since >= least
        text += f": {days(since)} after the origin, {'at least' if enough else 'fewer than'} {least}, so {value if enough else terms.NE}"
        rules.append(traced.book.option("response.sd_min_days"))
    else:
        text += f": counts as {code}"
    return Sentence(f"{text}.", tuple(rules), (source_of(row),), day)


def confirmed_by(response: Row, rows: Sequence[Row], rules: Row) -> Row | None:
    """The assessment that confirms a CR or PR; None where none does (Eisenhauer 2009, section 4.6)."""
    first_is_cr = response["code"] == terms.CR
    unknown = stable = 0
    seen_cr = False
    for row in sorted(rows, key=lambda one: one["date"]):
        code = row["code"]
        if row["date"] <= response["date"]:
            continue
        fell = code == terms.PR and seen_cr
        confirms = code == terms.CR if first_is_cr else code in _RESPONSES and not fell
        far_enough = (row["date"] - response["date"]).days >= rules["confirm_days"]
        if (
            confirms
            and far_enough
            and unknown <= rules["max_ne"]
            and stable <= (0 if first_is_cr else rules["accept_sd"])
        ):
            return row
        allowed = (terms.CR, terms.NE) if first_is_cr else (terms.CR, terms.PR, terms.NE, terms.SD)
        if code not in allowed or (fell and not first_is_cr):
            return None
        seen_cr = seen_cr or code == terms.CR
        unknown += code == terms.NE
        stable += code == terms.SD
    return None


# Landmark ----------------------------------------------------------------------------------------------------------------


def tell_landmark(traced: Traced, record: Row) -> Iterator[Sentence]:
    """The window, the assessments in it, and which was picked."""
    rules = traced.options["response"]["landmark"]
    window = traced.book.option("response.landmark.from_days"), traced.book.option("response.landmark.to_days")
    anchor_rule = traced.book.option("response.landmark.anchor")
    anchor = _first_anchor(traced, rules["anchor"])
    low, high = rules["from_days"] - rules["tolerance"], rules["to_days"] + rules["tolerance"]
    if anchor is None:
        yield Sentence("There is no TACE in the snapshot, so there is no window: NE.", (anchor_rule,))
        return
    opens, closes = anchor + timedelta(low), anchor + timedelta(high)
    tolerance = f", tolerance {rules['tolerance']}" if rules["tolerance"] else ""
    yield Sentence(
        f"Days are counted from {anchor}; the window is day {rules['from_days']} to {rules['to_days']}{tolerance}: {opens} to {closes}.",
        (anchor_rule, *window), (), anchor,
    )  # fmt: skip
    inside = []
    for row in (one for one in traced.window if one["evaluable"]):
        day_0 = _own_anchor(traced, rules["anchor"], anchor, row["date"])
        if day_0 is None:
            continue
        day = (row["date"] - day_0).days
        if low <= day <= high:
            inside.append(row)
        of = f" after {day_0}" if day_0 != anchor else ""
        yield Sentence(
            f"{row['date']}: {assessment(row)}, day {day}{of}: {'inside' if low <= day <= high else 'outside'} the window.",
            (),
            (source_of(row),),
            row["date"],
        )
    pick = traced.book.option("response.landmark.pick")
    if inside and record["rule_id"] != reasons.PROGRESSION:
        yield Sentence(
            f"Of these the {rules['pick']} is picked: {record['value']} on {record['date']}.",
            (pick,),
            (source_of(record),),
            record["date"],
        )
    elif record["rule_id"] == reasons.PROGRESSION:
        before = "the assessment that would be picked" if inside else f"the end of the window, {closes}"
        yield Sentence(
            f"The disease progressed on {record['date']}, not after {before}, so the response is PD.",
            (pick,),
            (source_of(record),),
            record["date"],
        )
    else:
        yield Sentence(
            f"No evaluable assessment lies in the window, so the response is NE ({reasons.MEANINGS[record['rule_id']]}).",
            (traced.book.option("response.landmark.missing"),),
        )


def _first_anchor(traced: Traced, name: str) -> date | None:
    clock = traced.clock
    if clock is None:
        return None
    if name == "origin":
        found: date = clock["t0"]
        return found
    known = [
        row["date"] for row in traced.stated["origins"] if row["origin"] == "first_tace" and row["date"] is not None
    ]
    sessions = [row["date"] for row in traced.stated["tace"] if row["date"] is not None]
    # The sessions themselves go before the day that the study states.
    first: date | None = min(sessions, default=known[0] if known else None)
    return first if first is not None and first <= clock["last_day"] else None


def _own_anchor(traced: Traced, name: str, first: date, day: date) -> date | None:
    """The day from which an assessment's days are counted."""
    if name != "most_recent_tace":
        return first
    sessions = [row["date"] for row in traced.stated["tace"] if row["date"] is not None and row["date"] < day]
    return max(sessions, default=None)


# Conclusion --------------------------------------------------------------------------------------------------------------


def tell_response(traced: Traced, record: Row) -> Iterator[Sentence]:
    """The record: the response, and whether it makes a responder."""
    dated = f" on {record['date']}" if record["date"] is not None else ""
    answer = {True: "a responder", False: "no responder", None: "no responder status"}[record["responder"]]
    rules: tuple[Rule, ...] = (traced.book.option("responders"),)
    sources = (source_of(record),) if record["source_domain"] is not None else ()
    text = f"{record['value']}{dated}: {answer}"
    if record["rule_id"] == reasons.LONG_CONTROL:
        least = traced.options["response"]["cbr_days"]
        late = [
            row for row in _up_to_progression(traced)
            if row["evaluable"] and not row["progression"] and traced.clock and (row["date"] - traced.clock["t0"]).days >= least
        ]  # fmt: skip
        named = listed(f"{row['date']} {assessment(row)}" for row in late)
        text += f" by disease control for {least} days or more ({named})"
        rules = (traced.book.option("benefit"), traced.book.option("response.cbr_days"))
    yield Sentence(f"{text}.", rules, sources, record["date"])
