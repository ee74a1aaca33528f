"""Why a response endpoint has the value that it has: the `rule_id` of each record, and what it means in words."""

from __future__ import annotations

from typing import Final

OBSERVED: Final = "response.best.observed"
CONFIRMED: Final = "response.best.confirmed"
UNCONFIRMED: Final = "response.best.unconfirmed"
TOO_EARLY: Final = "response.best.too_early"
NOT_EVALUABLE: Final = "response.best.not_evaluable"
NO_BASELINE: Final = "response.best.no_baseline"
ENDED_BEFORE: Final = "response.best.ended_before"
NO_ASSESSMENT: Final = "response.best.no_assessment"
LONG_CONTROL: Final = "response.long_control"

PICKED: Final = "response.landmark.picked"
PROGRESSION: Final = "response.landmark.progression"
NO_WINDOW: Final = "response.landmark.no_window"
WINDOW_NO_BASELINE: Final = "response.landmark.no_baseline"
WINDOW_NOT_EVALUABLE: Final = "response.landmark.not_evaluable"
WINDOW_ENDED_BEFORE: Final = "response.landmark.ended_before"
DIED: Final = "response.landmark.died"
WINDOW_OPEN: Final = "response.landmark.window_open"
OUTSIDE: Final = "response.landmark.outside"
NOT_ASSESSED: Final = "response.landmark.not_assessed"

#: Each rule in words, for reports; in the order in which they are told.
MEANINGS: Final[dict[str, str]] = {
    OBSERVED: "as an assessment shows it",
    CONFIRMED: "confirmed by a later assessment",
    UNCONFIRMED: "a response that no later assessment confirms",
    TOO_EARLY: "response or stable disease before the minimum time only",
    NOT_EVALUABLE: "no assessment could be evaluated",
    NO_BASELINE: "no adequate baseline",
    ENDED_BEFORE: "every assessment came after the observation had ended",
    NO_ASSESSMENT: "no assessment after the origin",
    LONG_CONTROL: "disease controlled long enough",
    PICKED: "assessed in the window",
    PROGRESSION: "progression before the assessment, or before the window closed",
    NO_WINDOW: "no treatment that opens the window",
    WINDOW_NO_BASELINE: "no adequate baseline",
    WINDOW_NOT_EVALUABLE: "assessed in the window, not evaluable",
    WINDOW_ENDED_BEFORE: "assessed in the window, after the observation had ended",
    DIED: "died before the window closed",
    WINDOW_OPEN: "the window was open at the end of the data",
    OUTSIDE: "assessed before or after the window only",
    NOT_ASSESSED: "not assessed",
}
