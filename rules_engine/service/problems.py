"""Errors as problem+json (RFC 9457), in the words of the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ProblemOut(BaseModel):
    """One thing that is wrong, as the command line tells it."""

    where: str
    what: str
    remedy: str = ""
    meant: str = ""
    path: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None


class ProblemDocument(BaseModel):
    """Why a request was not carried out. `exit_code` is what the command line would have left with."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    exit_code: int | None = None
    problems: list[ProblemOut] = Field(default_factory=list)


@dataclass
class RequestError(Exception):
    """A request that cannot be carried out; the app turns it into a problem document."""

    status: int
    title: str
    problems: Sequence[Mapping[str, Any]] = ()
    exit_code: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def because(cls, status: int, title: str, where: str, what: str, remedy: str = "", **headers: str) -> RequestError:
        """An error with a single problem."""
        return cls(status, title, [{"where": where, "what": what, "remedy": remedy}], headers=headers)


def problem_response(error: RequestError) -> Response:
    """The problem document of an error."""
    problems = [ProblemOut(**problem) for problem in error.problems]
    detail = " ".join(f"{problem.where}: {problem.what}." for problem in problems[:3]) or error.title
    document = ProblemDocument(
        title=error.title, status=error.status, detail=detail, exit_code=error.exit_code, problems=problems
    )
    return Response(json.dumps(document.model_dump()), error.status, dict(error.headers), media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an operation documents: these statuses, and those that any request may meet."""
    told = {
        400: "the request cannot be read, or asks under a name that is not the service's",
        403: "the request comes from a page of another origin",
        404: "there is no such thing here",
        409: "not in this state",
        413: "the body is too large",
        422: "the request, the ruleset or the data are wrong; `problems` says where and what to do",
        503: "too much to do at the moment; try again",
        504: "it took longer than this service allows",
    }
    return {
        status: {
            "description": told[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in sorted({400, 403, 413, 422, *statuses})
    }
