"""What stands before every request: who is asked, from where, how much is sent; and what every answer forbids."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rules_engine.service.problems import RequestError, problem_response

#: Answers run no script but those of this page, load nothing from elsewhere, and are shown in no frame but this page's.
#: Whatever states a policy of its own (the page, a report) keeps it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'; sandbox",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """ASGI middleware. Refused with a problem document:

    another name in `Host` than the service's (DNS rebinding), a request that another site's page sends (`Origin`,
    `Sec-Fetch-Site`), and a body larger than allowed, whether its length is stated or not.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], max_body: int) -> None:
        self.app = app
        self.hosts = frozenset(host.casefold() for host in hosts)
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        error = self._refused(Headers(scope=scope))
        if error is not None:
            await problem_response(error)(scope, receive, send_guarded)
            return
        await self._limited(scope, receive, send_guarded)

    def _refused(self, headers: Headers) -> RequestError | None:
        host = headers.get("host", "")
        if _name_of(host) not in self.hosts:
            what = f"the service does not answer to {host!r}"
            remedy = "ask under a name that it was started with (--allow-host)"
            return RequestError.because(400, "Unknown host", "Host header", what, remedy)
        origin = headers.get("origin")
        foreign = origin is not None and urlsplit(origin).netloc.casefold() != host.casefold()
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            what = "the request was sent by a page of another origin"
            return RequestError.because(403, "Other origin", "Origin header", what, "use the page of this service")
        stated = headers.get("content-length", "0")
        if not stated.isascii() or not stated.isdigit():
            return RequestError.because(
                400, "Bad length", "Content-Length header", "it is no number", "state the length"
            )
        return self._too_large() if int(stated[:20]) > self.max_body else None

    def _too_large(self) -> RequestError:
        what = f"it is larger than {self.max_body:,} bytes"
        return RequestError.because(413, "Body too large", "request body", what, "send less, or start with --max-body")

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the body on and count it: a chunked body does not state its length."""
        seen, answered = 0, False

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_body:
                raise self._too_large()
            return message

        async def send_unless_too_large(message: Message) -> None:
            nonlocal answered
            if seen <= self.max_body:
                answered = True
                await send(message)

        try:
            await self.app(scope, receive_counted, send_unless_too_large)
        except RequestError:
            if answered or seen <= self.max_body:
                raise
        # Whatever the application made of the refusal to read on, this is the answer.
        if seen > self.max_body and not answered:
            await problem_response(self._too_large())(scope, receive, send)


def _name_of(host: str) -> str:
    """The host without its port."""
    name = host.casefold()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]
