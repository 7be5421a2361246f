"""Desk × sessions -> the web application: one page, its scripts and style, and eight short answers in JSON."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import Field, ValidationError

from harness import __version__
from harness.errors import DataError, UsageError
from harness.reviewing.checking import StaleItem
from harness.reviewing.desk import PAGE, Desk
from harness.reviewing.page.guard import LARGEST, Guard
from harness.reviewing.page.sessions import Session, Sessions, same
from harness.reviewing.tally import Filter
from harness.schema import Action, Decision, Frozen, KeyText, Message

if TYPE_CHECKING:
    from jinja2 import Template
    from starlette.requests import Request
    from starlette.responses import Response

TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILTERS: Final[tuple[Filter, ...]] = get_args(Filter)
KEY: Final = "x-review-key"
REMEMBERED: Final = 1000
"""Answers that are kept, for a tab that did not get them and asks again."""


class Sent(Frozen):
    """A decision as a tab sends it."""

    key: str = Field(min_length=1, max_length=100)
    """The tab's own mark of this decision: sent twice, it is kept once."""
    item: str
    digest: str
    action: Action
    label: str | None = None
    messages: tuple[Message, ...] | None = None
    text: KeyText | None = None
    note: str = ""
    seconds: float | None = None
    seen: int | None = None


class Application:
    """The page of one review, for the people whose tokens were printed."""

    def __init__(self, desk: Desk, sessions: Sessions, port: int) -> None:
        self.desk, self.sessions = desk, sessions
        self.cookie = f"harness_review_{port}"
        self._page, self._entry, self._closed = (_template(name) for name in ("page.html", "entry.html", "closed.html"))
        self._assets = _assets()
        self._answered: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self.asgi = Guard(self._routes(), port)

    def _routes(self) -> Any:
        from starlette.applications import Starlette
        from starlette.routing import Route

        asked = {
            "next": self._next,
            "item": self._item,
            "beside": self._beside,
            "list": self._list,
            "pulse": self._pulse,
            "last": self._last,
        }
        return Starlette(
            routes=[
                Route("/", self._visit, methods=["GET"]),
                *(Route(f"/{name}", self._static(name), methods=["GET"]) for name in self._assets),
                Route("/api/session", self._session, methods=["GET"]),
                *(Route(f"/api/{name}", self._answering(answer), methods=["GET"]) for name, answer in asked.items()),
                Route("/api/decide", self._decide, methods=["POST"]),
            ]
        )

    async def _visit(self, request: Request) -> Response:
        """The page itself; with a token, a session first."""
        from starlette.responses import HTMLResponse

        if token := request.query_params.get("token"):
            session = self.sessions.exchange(token)
            if session is not None:
                # No redirect: a browser that came here from another site would not send a strict cookie along with it.
                answer = HTMLResponse(self._entry.render(key=session.key))
                answer.set_cookie(self.cookie, session.secret, httponly=True, samesite="strict", path="/")
                return answer
        session = self.sessions.find(request.cookies.get(self.cookie))
        if session is None:
            return HTMLResponse(self._closed.render(used=bool(token)), 403)
        if token:
            return HTMLResponse(self._entry.render(key=""))
        about = self.desk.review.about
        return HTMLResponse(self._page.render(about=about, session=session, round=self.desk.round, version=__version__))

    def _static(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        from starlette.responses import Response

        async def answer(_: Request) -> Response:
            return Response(self._assets[name], media_type=TYPES[Path(name).suffix])

        return answer

    async def _session(self, request: Request) -> Response:
        """Who this is now, for a tab that was open before the program was started again."""
        session = self._known(request)
        if not isinstance(session, Session):
            return session
        return _json({"who": session.who, "of": self.desk.review.about.items_sha256})

    def _answering(self, answer: Callable[[Session, dict[str, str]], Any]) -> Callable[[Request], Awaitable[Response]]:
        from starlette.concurrency import run_in_threadpool

        async def respond(request: Request) -> Response:
            session = self._known(request)
            if not isinstance(session, Session):
                return session
            try:
                return _json(await run_in_threadpool(answer, session, dict(request.query_params)))
            except (UsageError, DataError) as error:
                return _refused(error)

        return respond

    def _next(self, session: Session, asked: dict[str, str]) -> dict[str, Any]:
        found = self.desk.next(session.who, _tab(asked), asked.get("after"))
        return {"item": _dumped(found), "progress": _dumped(self.desk.progress(session.who))}

    def _item(self, session: Session, asked: dict[str, str]) -> dict[str, Any]:
        found = self.desk.show(asked.get("id", ""), session.who, _tab(asked))
        return {"item": _dumped(found), "progress": _dumped(self.desk.progress(session.who))}

    def _beside(self, session: Session, asked: dict[str, str]) -> dict[str, Any]:
        step = -1 if asked.get("step") == "-1" else 1
        found = self.desk.beside(asked.get("id", ""), step, session.who, _tab(asked), _filter(asked), asked.get("source", ""))
        return {"item": _dumped(found)}

    def _list(self, session: Session, asked: dict[str, str]) -> dict[str, Any]:
        found = self.desk.listing(session.who, _filter(asked), asked.get("source", ""), _number(asked, "start"), PAGE)
        return found.model_dump(mode="json")

    def _pulse(self, session: Session, asked: dict[str, str]) -> dict[str, Any]:
        written = self.desk.held(asked.get("id") or None, session.who, _tab(asked))
        return {"written": written, "progress": _dumped(self.desk.progress(session.who))}

    def _last(self, session: Session, _: dict[str, str]) -> dict[str, Any]:
        found = self.desk.last(session.who)
        return {"item": found[0] if found else None, "before": _dumped(found[1]) if found and found[1] else None}

    async def _decide(self, request: Request) -> Response:
        """Keep a decision; the answer is given only after it is synced."""
        from starlette.concurrency import run_in_threadpool

        session = self._known(request)
        if not isinstance(session, Session):
            return session
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return _said(415, "type", "a decision is sent as application/json")
        body = await _body(request)
        if body is None:
            return _said(413, "large", f"more than {LARGEST >> 20} MiB; so much can only be changed in the data itself")
        return await run_in_threadpool(self._decided, session, body)

    def _decided(self, session: Session, body: bytes) -> Response:
        try:
            return _json(self._keep(session, Sent.model_validate_json(body)))
        except ValidationError as error:
            first = error.errors()[0]
            return _said(400, "shape", f"not a decision: '{'.'.join(map(str, first['loc']))}': {first['msg']}")
        except StaleItem as error:
            return _said(409, "stale", str(error))
        except (UsageError, DataError) as error:
            return _refused(error)

    def _keep(self, session: Session, sent: Sent) -> dict[str, Any]:
        mark = (session.who, sent.key)
        if mark in self._answered:
            return self._answered[mark]
        decision = Decision(annotator=session.who, at="", **sent.model_dump(exclude={"key", "seen"}))
        saved = self.desk.decide(decision, sent.seen).model_dump(mode="json")
        self._answered[mark] = saved
        while len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        return saved

    def _known(self, request: Request) -> Session | Response:
        """Whose request this is: it brings the cookie and the key of one session; or what is answered to anybody else."""
        session = self.sessions.find(request.cookies.get(self.cookie))
        if session is None:
            return _said(401, "closed", "this browser has no session here; open the address that the program printed")
        if not same(request.headers.get(KEY, ""), session.key):
            return _said(403, "key", "this tab belongs to another session; load the page again")
        return session


def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("harness.reviewing.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template(name)


def _assets() -> dict[str, bytes]:
    """Script, style and icon: name -> content."""
    found = resources.files("harness.reviewing.page").joinpath("static").iterdir()
    return {one.name: one.read_bytes() for one in found if Path(one.name).suffix in TYPES}


async def _body(request: Request) -> bytes | None:
    """What was sent; None if it is too large, whatever its heading said."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            return None
    return bytes(body)


def _filter(asked: dict[str, str]) -> Filter:
    which = asked.get("filter", "open")
    known = next((one for one in FILTERS if one == which), None)
    if known is None:
        raise UsageError(f"there is no filter '{which[:40]}'")
    return known


def _tab(asked: dict[str, str]) -> str:
    return asked.get("tab", "")[:64]


def _number(asked: dict[str, str], name: str) -> int:
    text = asked.get(name, "0")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _dumped(found: Frozen | None) -> Any:
    return None if found is None else found.model_dump(mode="json")


def _json(value: Any) -> Response:
    from starlette.responses import Response

    return Response(json.dumps(value, ensure_ascii=True), media_type="application/json")


def _refused(error: UsageError | DataError) -> Response:
    """A wrong word is the sender's; a file that cannot be read or written is this machine's, and may be mended."""
    return _said(507, "disk", str(error)) if isinstance(error, DataError) else _said(400, "wrong", str(error))


def _said(status: int, what: str, message: str) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse({"error": what, "message": message}, status)
