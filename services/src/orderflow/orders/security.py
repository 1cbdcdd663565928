"""Who may use the API, and what browsers are told about its answers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderflow.orders.problems import unauthorized

_STRICT = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_DOCS = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# Files of its own only, and no text becomes markup: the page is made of nodes.
_CONSOLE = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"require-trusted-types-for 'script'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_CONTENT_POLICY = b"content-security-policy"

# Enough for an answer that no page can show or follow; every header costs the server a microsecond.
STRICT_HEADERS = (_NOSNIFF, (_CONTENT_POLICY, _STRICT))

_COMMON = (
    _NOSNIFF,
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


_PAGE_HEADERS = (*_COMMON, (_CONTENT_POLICY, _STRICT))
_DOCS_HEADERS = (*_COMMON, (_CONTENT_POLICY, _DOCS))
_CONSOLE_HEADERS = (*_COMMON, (_CONTENT_POLICY, _CONSOLE))


class Keys:
    """The API keys that are accepted; without any, everybody may."""

    def __init__(self, accepted: Sequence[bytes]) -> None:
        self._accepted = tuple(accepted)

    def check(self, key: bytes | None) -> None:
        """Raise the Problem of a request that brings none of the keys."""
        if not self._accepted:
            return
        # All are compared, in constant time: the duration tells nothing about any of them.
        if sum(hmac.compare_digest(key or b"", accepted) for accepted in self._accepted) == 0:
            raise unauthorized()

    def check_request(self, headers: Mapping[str, str]) -> None:
        """Raise the Problem of a request with these headers that brings none of the keys."""
        key = headers.get("x-api-key")
        self.check(key.encode("latin-1") if key is not None else None)

    async def of_request(self, request: Request) -> None:
        """Check a request, as a dependency of its route: asynchronous, or it would cost a thread's turn."""
        self.check_request(request.headers)


class SecurityHeaders:
    """Adds the security headers to every answer. No CORS: pages of other origins have no business here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _headers_of(scope["path"])

        async def send_with_headers(event: Message) -> None:
            if event["type"] == "http.response.start":
                event["headers"] = [*event["headers"], *headers]
            await send(event)

        await self._app(scope, receive, send_with_headers)


def _headers_of(path: str) -> tuple[tuple[bytes, bytes], ...]:
    if path == "/" or path.startswith("/console/"):
        return _CONSOLE_HEADERS
    return _DOCS_HEADERS if path.startswith("/docs") else _PAGE_HEADERS
