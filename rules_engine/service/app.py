"""The service itself: its operations, and how requests become jobs."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

import rules_engine
from rules_engine.errors import EXIT_OURS, EXIT_RULESET
from rules_engine.service import page, rulesets, runs, studies
from rules_engine.service.guards import Guard
from rules_engine.service.problems import ProblemDocument, RequestError, problem_response
from rules_engine.service.settings import ServiceSettings
from rules_engine.service.state import State

_ABOUT = """Checks rulesets, runs studies, explains subjects.

Errors are problem+json (RFC 9457): `problems` has one entry per fault, with file, line and column where it has a place, in the words of
the command line; `exit_code` is what the command line would leave with. A run is started, watched, and then asked for its results.
"""


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """The service as an ASGI application. What it keeps lies in a temporary folder and goes when it ends."""
    chosen = settings or ServiceSettings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        place = Path(tempfile.mkdtemp(prefix="rules-engine-"))
        app.state.service = State.begin(chosen, place)
        try:
            yield
        finally:
            await asyncio.to_thread(app.state.service.end)
            shutil.rmtree(place, ignore_errors=True)

    app = FastAPI(
        title="Endpoint rules engine", version=rules_engine.__version__, description=_ABOUT, lifespan=lifespan,
        docs_url=None, redoc_url=None, separate_input_output_schemas=False,
    )  # fmt: skip
    app.add_middleware(Guard, hosts=chosen.hosts, max_body=chosen.max_body)
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)
    for routes in (rulesets.routes, studies.routes, runs.routes):
        app.include_router(routes, prefix="/api/v1")
    app.include_router(page.routes)
    _document_problems(app)
    return app


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)  # noqa: S101  (registered for it alone)
    return problem_response(error)


def _invalid(_request: Request, error: Exception) -> Response:
    """A request that does not fit the document: each fault with its place."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  (as above)
    problems = [
        {"where": ".".join(str(part) for part in one["loc"]), "what": str(one["msg"]), "remedy": "see /openapi.json"}
        for one in error.errors()
    ]
    return problem_response(RequestError(422, "The request does not fit the document", problems, EXIT_RULESET))


def _http(_request: Request, error: Exception) -> Response:
    """What the framework refuses: an unknown path, another method, a body that cannot be read."""
    assert isinstance(error, HTTPException)  # noqa: S101  (as above)
    found = RequestError.because(
        error.status_code, str(error.detail), "request", str(error.detail), "see /openapi.json"
    )
    found.headers = dict(error.headers or {})
    return problem_response(found)


def _fault(_request: Request, error: Exception) -> Response:
    """The last line of defence: our fault, told without a traceback."""
    what = f"{type(error).__name__}: {error}"
    problems = [{"where": "service", "what": what, "remedy": "this is a fault of the engine: please report it"}]
    return problem_response(RequestError(500, "A fault of the engine", problems, EXIT_OURS))


def _document_problems(app: FastAPI) -> None:
    """Put the schema of problem documents, to which every operation refers, into the OpenAPI document."""
    framework = app.openapi

    def openapi() -> dict[str, Any]:
        document = framework()
        schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs", {}))
        schemas["ProblemDocument"] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]
