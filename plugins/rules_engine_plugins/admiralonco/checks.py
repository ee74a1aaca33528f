"""What is wrong with the options of a compatibility endpoint beyond what a schema can say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rules_engine.model import EndpointDefinition

from rules_engine_plugins.admiralonco.options import BLOCK

Fault = tuple[str, str, str]


def check_parameter(endpoint: EndpointDefinition) -> Sequence[Fault]:
    """Contradictions in the options of a parameter of ADRS: (option path, what, remedy)."""
    options = endpoint.options
    found = list(_flow(endpoint))
    if options["parameter"] == "unconfirmed_progression" and options[BLOCK]["codes"] != "irecist":
        found.append(
            (
                "parameter",
                "unconfirmed progression is known to iRECIST alone",
                "state `codes: irecist`, or leave it out",
            )
        )
    if options["confirmed"] and options["parameter"] not in ("response", "clinical_benefit", "best_response"):
        found.append(("confirmed", f"a {_spoken(options['parameter'])} has no confirmed form", "leave `confirmed` out"))
    numbers = options[BLOCK]["numbers"]
    if options["parameter"] == "best_response" and options[BLOCK]["no_assessment"] not in numbers:
        found.append(
            (
                f"{BLOCK}.numbers",
                f"there is no number (AVAL) for {options[BLOCK]['no_assessment']}, the value of a subject without assessments",
                "state one",
            )
        )
    return found


def check_time(endpoint: EndpointDefinition) -> Sequence[Fault]:
    """Contradictions in the options of a parameter of ADTTE: (option path, what, remedy)."""
    options = endpoint.options
    found = list(_flow(endpoint))
    texts = options[BLOCK]["texts"]["origin"]
    if "origin" in options["censoring"] and options["origin"] not in texts:
        found.append(
            (
                f"{BLOCK}.texts.origin",
                f"a subject may be censored at {options['origin']}, for which there are no texts",
                f"state `{options['origin']}: {{event: …, date: …}}`",
            )
        )
    return found


def _flow(endpoint: EndpointDefinition) -> Iterator[Fault]:
    rules = endpoint.options[BLOCK]
    if rules["codes"] == "irecist" and rules["flow"] == "functions":
        yield (f"{BLOCK}.flow", "the functions of the package do not know the codes of iRECIST", "state `flow: events`")


def _spoken(word: str) -> str:
    return word.replace("_", " ")
