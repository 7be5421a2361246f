"""What stands before the page: requests that were not made by it, on this machine, never reach it.

A page of another site may send requests to this machine's ports, or give its own name this machine's address (DNS rebinding). So
the Host must be this machine's own, an Origin must be the page's, nothing but GET and POST is understood, and what is large is
not read. Every answer says that it may not be kept, framed, or run anything but its own script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST: Final = 4 << 20
"""Bytes of a request."""
HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        b"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
OWN_SITE: Final = ("same-origin", "none")
"""Sec-Fetch-Site of the page's own requests, and of an address that was typed."""


class Guard:
    """ASGI: refuses, or hands on."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"} | ({"127.0.0.1", "localhost"} if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        refused = self._refusal(scope)
        if refused is None:
            await self.app(scope, receive, guarded)
            return
        from starlette.responses import PlainTextResponse

        status, why = refused
        await PlainTextResponse(f"{why}\n", status, {"connection": "close"})(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = scope["headers"]
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return 421, f"this page is at {' or '.join(sorted(self.hosts))} and nowhere else"
        if scope["method"] not in ("GET", "POST"):
            return 405, "only GET and POST are understood"
        found = {name: value.decode("latin-1") for name, value in headers}
        if why := _foreign(found, scope, hosts[0]):
            return 403, why
        length = found.get(b"content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST:
            return 413, f"more than {LARGEST >> 20} MiB; so much can only be changed in the data itself"
        return None


def _foreign(headers: dict[bytes, str], scope: Scope, host: str) -> str | None:
    """What shows that a request was not made by the page."""
    origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site", "none")
    if origin is None and scope["method"] == "POST":
        return "a change needs an Origin"
    if (origin is not None and origin != f"http://{host}") or (site not in OWN_SITE and not _is_visit(headers, scope)):
        return "this was asked by another site"
    return None


def _is_visit(headers: dict[bytes, str], scope: Scope) -> bool:
    """Whether somebody follows a link to the page: it shows nothing without its token, which is then used up as it should be."""
    return scope["method"] == "GET" and scope["path"] == "/" and headers.get(b"sec-fetch-mode") == "navigate"
