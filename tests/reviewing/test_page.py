"""The page's server: who gets in, and what is turned away."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.reviewing.page import Served
from harness.reviewing.page.guard import LARGEST
from tests.reviewing.made import question, review, row, said, served


@dataclass
class Client:
    """A browser without a screen: keeps its cookie, and sends the headers it is told to."""

    page: Served
    cookie: str = ""
    key: str = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and text; a header that is empty is left out."""
        origin = f"http://127.0.0.1:{self.page.port}"
        sent = {"host": f"127.0.0.1:{self.page.port}", "cookie": self.cookie}
        if path.startswith("/api/"):
            sent |= {"x-review-key": self.key}
        if method == "POST":
            sent |= {"origin": origin, "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                if value:
                    connection.putheader(name, value)
            if content is not None:
                connection.putheader("content-length", str(len(content)))
            connection.endheaders(content)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def enter(self, who: str = "ann") -> Client:
        """Use the address that was printed."""
        _, headers, text = self.ask("GET", self.page.addresses[who].split("/", 3)[3].join(("/", "")))
        self.cookie = headers["set-cookie"].split(";")[0]
        found = re.search(r'data-key="([^"]+)"', text)
        assert found is not None
        self.key = found[1]
        return self

    def get(self, path: str) -> dict[str, Any]:
        status, _, text = self.ask("GET", path)
        assert status == 200, text
        return dict(json.loads(text))

    def decide(self, item: dict[str, Any], action: str = "accept", **fields: Any) -> tuple[int, dict[str, Any]]:
        sent = {"key": "k" + str(fields), "item": item["id"], "digest": item["digest"], "action": action, **fields}
        status, _, text = self.ask("POST", "/api/decide", sent)
        return status, json.loads(text)


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Somebody who is in, at a review that no test may change: what is turned away leaves no line."""
    made = review(tmp_path_factory.mktemp("review"), [row(number) for number in range(3)])
    with served(made.folder) as page:
        yield Client(page).enter()
    assert made.decisions() == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    review(tmp_path / "r", [row(number) for number in range(3)], guidance="Be <b>kind</b>.")
    return tmp_path / "r"


def test_the_token_opens_the_page_once_and_becomes_a_strict_cookie(folder: Path) -> None:
    with served(folder) as page:
        client = Client(page)
        path = "/" + page.addresses["ann"].split("/", 3)[3]
        status, headers, _ = client.ask("GET", path)
        assert status == 200
        cookie = headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/", f"harness_review_{page.port}="))
        again, headers, text = client.ask("GET", path)
        assert again == 403
        assert "set-cookie" not in headers
        assert "used already" in text
        client.cookie = cookie.split(";")[0]
        assert client.ask("GET", "/")[0] == 403, "a cookie that is nearly right is wrong"


def test_without_a_session_there_is_nothing_to_be_had(folder: Path) -> None:
    with served(folder) as page:
        client = Client(page)
        for path in (
            "/api/next",
            "/api/item?id=src/0",
            "/api/list",
            "/api/session",
            "/api/pulse",
            "/api/last",
            "/api/beside?id=src/0",
        ):
            assert client.ask("GET", path)[0] == 401
        assert client.ask("POST", "/api/decide", {})[0] == 401
        status, _, text = client.ask("GET", "/")
        assert status == 403
        assert "src/" not in text
        assert client.ask("GET", "/?token=" + "x" * 43)[0] == 403
        assert client.ask("GET", "/?token=%E4%B8%AD")[0] == 403


def test_the_cookie_alone_opens_nothing_because_every_port_of_this_machine_is_sent_it(folder: Path) -> None:
    with served(folder) as page:
        client = Client(page).enter()
        thief = Client(page, cookie=client.cookie)
        for path in ("/api/next", "/api/item?id=src/0", "/api/list", "/api/session", "/api/pulse", "/api/last"):
            assert thief.ask("GET", path)[0] == 403
        assert thief.ask("POST", "/api/decide", {})[0] == 403
        again = "/" + page.addresses["ann"].split("/", 3)[3]
        assert client.key not in thief.ask("GET", "/")[2] + thief.ask("GET", again)[2]


def test_a_session_decides_and_the_line_is_on_disk_before_the_answer(folder: Path) -> None:
    with served(folder) as page:
        client = Client(page).enter()
        item = client.get("/api/next?tab=t")["item"]
        status, saved = client.decide(item, "reject", note="no", seconds=3.14, seen=0)
        assert status == 200
        assert saved["decision"]["action"] == "reject"
        line = json.loads((folder / "decisions.jsonl").read_text("utf-8"))
        assert (line["item"], line["annotator"], line["action"], line["note"], line["seconds"]) == (
            "src/0",
            "ann",
            "reject",
            "no",
            3.1,
        )


def test_a_decision_that_is_sent_twice_is_kept_once(folder: Path) -> None:
    with served(folder) as page:
        client = Client(page).enter()
        item = client.get("/api/next?tab=t")["item"]
        assert client.decide(item) == client.decide(item)
        assert len((folder / "decisions.jsonl").read_bytes().splitlines()) == 1


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", "[::1]:{port}", ""]
)
def test_another_host_is_turned_away(inside: Client, host: str) -> None:
    assert inside.ask("GET", "/api/next", host=host.format(port=inside.page.port))[0] in (400, 421)
    assert inside.ask("GET", "/api/list", host=f"LOCALHOST:{inside.page.port}")[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:{port}"},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": ""},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"x_review_key": ""},
        {"x_review_key": "wrong"},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
    ],
)
def test_a_change_that_the_page_did_not_ask_for_is_turned_away(inside: Client, headers: dict[str, str]) -> None:
    item = inside.get("/api/next?tab=t")["item"]
    sent = {"key": "k", "item": item["id"], "digest": item["digest"], "action": "accept"}
    made = {name: value.format(port=inside.page.port) for name, value in headers.items()}
    assert inside.ask("POST", "/api/decide", sent, **made)[0] in (403, 415)


def test_another_sites_sockets_are_turned_away_and_write_nothing_into_the_terminal(
    inside: Client, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = {"upgrade": "websocket", "connection": "Upgrade", "sec_websocket_key": "eA==", "sec_websocket_version": "13"}
    assert inside.ask("GET", "/", origin="http://evil.example", **upgrade)[0] == 403
    with socket.create_connection(("127.0.0.1", inside.page.port), timeout=20) as line:
        line.sendall(b"\x16\x03\x01 no request at all\r\n\r\n")
        assert b" 400 " in line.recv(200)
    assert caplog.records == []


def test_another_sites_frames_scripts_and_reads_are_turned_away(inside: Client) -> None:
    assert inside.ask("GET", "/api/next", sec_fetch_site="cross-site")[0] == 403
    assert inside.ask("GET", "/", sec_fetch_site="cross-site", sec_fetch_mode="no-cors")[0] == 403
    assert inside.ask("GET", "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 200
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"):
        assert inside.ask(method, "/")[0] == 405


def test_every_answer_forbids_to_keep_frame_and_run_what_is_not_its_own(folder: Path) -> None:
    with served(folder) as page:
        client = Client(page).enter()
        for path in (
            "/",
            "/api/next",
            "/review.js",
            "/entry.js",
            "/server.js",
            "/review.css",
            "/icon.svg",
            "/nothing",
            "/api/item?id=x",
        ):
            _, headers, text = client.ask("GET", path)
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert "server" not in headers
            assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
            assert "https://" not in text


def test_the_page_has_no_inline_script_or_style_and_escapes_what_is_put_into_it(tmp_path: Path) -> None:
    made = tmp_path / "r"
    from harness.reviewing.store import create

    create(made, [row(0)], title='<script>alert(1)</script>"x', of="t", kind="row", guidance="<img src=x onerror=alert(1)>")
    with served(made, '"><b>ann') as page:
        text = Client(page).enter('"><b>ann').ask("GET", "/")[2]
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "><b>ann" not in text
    assert (
        re.findall(r"<script(?![^>]*\bsrc=)|<style|\bon\w+=|style=", text.replace("&lt;img src=x onerror=alert(1)&gt;", "")) == []
    )


def test_too_much_is_not_read(folder: Path) -> None:
    with served(folder) as page:
        client = Client(page).enter()
        with socket.create_connection(("127.0.0.1", page.port), timeout=20) as line:
            head = f"POST /api/decide HTTP/1.1\r\nhost: 127.0.0.1:{page.port}\r\norigin: http://127.0.0.1:{page.port}\r\n"
            line.sendall((head + f"content-length: {LARGEST + 1}\r\n\r\n").encode())
            assert b" 413 " in line.recv(200)
        with socket.create_connection(("127.0.0.1", page.port), timeout=20) as line:
            head += f"cookie: {client.cookie}\r\nx-review-key: {client.key}\r\ncontent-type: application/json\r\n"
            line.sendall((head + "transfer-encoding: chunked\r\n\r\n").encode())
            block = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            try:
                for _ in range(LARGEST // 0x10000 + 2):
                    line.sendall(block)
                answer = line.recv(200)
            except OSError:
                answer = b" 413 "
            assert b" 413 " in answer
        assert client.get("/api/next")["item"] is not None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"key":"k","item":"src/0","digest":"x","action":"accept","more":1}',
        b'{"key":"k","item":"src/0","digest":"x","action":"format"}',
        b'{"key":"k","item":"src/0","digest":"x","action":"accept","note":"\\ud800"}',
        b'{"key":"k","item":"src/0","digest":"x","action":"accept","seconds":"soon"}',
    ],
)
def test_what_is_no_decision_is_refused_with_a_reason(inside: Client, body: bytes) -> None:
    status, _, text = inside.ask("POST", "/api/decide", body)
    assert status == 400
    assert "not a decision" in json.loads(text)["message"]


def test_an_old_text_a_wrong_action_and_an_unknown_item_are_told_apart(inside: Client) -> None:
    item = inside.get("/api/next?tab=t")["item"]
    assert inside.decide({**item, "digest": "0" * 16})[0] == 409
    assert inside.decide(item, "label", label="A")[0] == 400
    assert inside.decide({**item, "id": "src/99"})[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/../review.json",
        "/%2e%2e/review.json",
        "/static/../app.py",
        "/review.js/../../app.py",
        "//etc/passwd",
        "/decisions.jsonl",
        "/api/../items.jsonl",
        "/review.js%00.html",
        "/api/item?id=../items.jsonl",
    ],
)
def test_no_path_leads_to_a_file(inside: Client, path: str) -> None:
    status, _, text = inside.ask("GET", path)
    assert status in (400, 403, 404)
    assert not any(word in text for word in ("schema_version", "import annotations", "messages"))


def test_two_people_on_one_server_have_sessions_of_their_own(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [row(0), row(1)], people=2)
    with served(tmp_path / "r", "ann", "bo") as page:
        ann, bo = Client(page).enter("ann"), Client(page).enter("bo")
        item = ann.get("/api/next?tab=a")["item"]
        assert ann.decide(item, "accept")[0] == 200
        theirs = bo.get("/api/item?id=src/0&tab=b")["item"]
        assert theirs["mine"] is None
        assert bo.decide(theirs, "reject")[0] == 200
        mixed = Client(page, cookie=bo.cookie, key=ann.key)
        assert mixed.decide(item, "flag")[0] == 403, "a tab of ann's in a browser that is now bo's"
    assert [(one.annotator, one.action) for one in made.decisions()] == [("ann", "accept"), ("bo", "reject")]
    assert made.outcomes()["src/0"].state == "split"


def test_a_person_never_gets_what_is_hidden_over_the_wire(tmp_path: Path) -> None:
    made = review(tmp_path / "r", [question(number) for number in range(3)], people=2)
    made.append(said(made, "q/0", "label", "bo", label="B", note="SECRET-NOTE"))
    with served(tmp_path / "r") as page:
        client = Client(page).enter()
        texts = [
            client.ask("GET", path)[2]
            for path in ("/", "/api/next", "/api/item?id=q/0", "/api/list?filter=all", "/api/pulse?id=q/0", "/api/last")
        ]
    assert not any("SECRET" in text or '"bo"' in text for text in texts)


def test_a_list_is_sent_in_pages(tmp_path: Path) -> None:
    review(tmp_path / "r", [row(number) for number in range(130)])
    with served(tmp_path / "r") as page:
        client = Client(page).enter()
        found = client.get("/api/list?filter=open&start=100")
        assert (found["total"], len(found["items"])) == (130, 30)
        assert len(client.get("/api/list?filter=open")["items"]) == 50
        assert client.ask("GET", "/api/list?filter=split")[0] == 400
        assert client.get("/api/list?start=-5&filter=all")["start"] == 0


def test_a_disk_that_is_full_is_told_as_such(folder: Path) -> None:
    with served(folder) as page:
        client = Client(page).enter()
        item = client.get("/api/next?tab=t")["item"]
        (folder / "decisions.jsonl").mkdir()
        status, said_ = client.decide(item)
        assert status == 507
        assert "cannot be" in said_["message"]
        (folder / "decisions.jsonl").rmdir()
        assert client.decide(item)[0] == 200


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with served(folder) as page, pytest.raises(UsageError, match=f"port {page.port} cannot be used"):
        Served(folder, ["bo"], port=page.port)


def test_it_listens_on_this_machine_only(folder: Path) -> None:
    with served(folder) as page:
        own = socket.gethostbyname(socket.gethostname())
        assert page.addresses["ann"].startswith("http://127.0.0.1:")
        if not own.startswith("127."):
            with pytest.raises(OSError), socket.create_connection((own, page.port), timeout=2):  # noqa: PT011
                pass
