"""PARAMCD and PARAM of everything that is written: short names are unique, at most eight characters, and stable."""

from __future__ import annotations

import re

from rules_engine.model import Ruleset

_LONGEST_CODE = 8
_TIMEPOINT, _BEST, _PROGRESSION = "OVR", "BOR", "PD"


def endpoint_names(ruleset: Ruleset) -> dict[str, str]:
    """PARAM of each endpoint: its label, followed by its PARAMCD where two endpoints have one label."""
    labels = [endpoint.label or paramcd for paramcd, endpoint in ruleset.endpoints.items()]
    return {
        paramcd: f"{endpoint.label} ({paramcd})" if labels.count(endpoint.label) > 1 else endpoint.label or paramcd
        for paramcd, endpoint in ruleset.endpoints.items()
    }


def timepoint_parameters(ruleset: Ruleset) -> dict[str, tuple[str, str]]:
    """PARAMCD and PARAM of the timepoint responses of each stream: OVR alone where there is one stream, else OVR and
    its name.
    """
    if len(ruleset.responses) == 1 and _TIMEPOINT not in ruleset.endpoints:
        return dict.fromkeys(ruleset.responses, (_TIMEPOINT, "Overall response at the timepoint"))
    taken = set(ruleset.endpoints)
    found: dict[str, tuple[str, str]] = {}
    for name in ruleset.responses:
        code = _free_code(name, taken)
        taken.add(code)
        found[name] = (code, f"Overall response at the timepoint ({name})")
    return found


def subject_parameters(ruleset: Ruleset) -> dict[str, tuple[tuple[str, str], tuple[str, str]]]:
    """PARAMCD and PARAM of best response and of progression as the criterion of each derived stream has them."""
    taken = {*ruleset.endpoints, *(code for code, _label in timepoint_parameters(ruleset).values())}
    found: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {}
    for name, stream in ruleset.responses.items():
        if stream.source != "derived":
            continue
        codes = []
        for word in (_BEST, _PROGRESSION):
            codes.append(_free_code(name, taken, word))
            taken.add(codes[-1])
        found[name] = (
            (codes[0], f"Best overall response by the criterion ({name})"),
            (codes[1], f"Progression by the criterion ({name})"),
        )
    return found


def _free_code(name: str, taken: set[str], word: str = _TIMEPOINT) -> str:
    letters = re.sub("[^A-Z0-9]", "", name.upper())
    code = (word + letters)[:_LONGEST_CODE]
    number = 1
    while code in taken:
        number += 1
        code = (word + letters)[: _LONGEST_CODE - len(str(number))] + str(number)
    return code
