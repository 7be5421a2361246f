"""The workflows of `examples/`: what they may do, and that their own shell lines gate two runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.gating.made import changed, made

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / "examples" / "github"
GITLAB = ROOT / "examples" / "gitlab" / "gate.gitlab-ci.yml"
WORKFLOWS = sorted(GITHUB.glob("*.yml"))
WAS = [1.0] * 100 + [0.0] * 100


def read(file: Path) -> dict[Any, Any]:
    found = yaml.safe_load(file.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in read(file)["jobs"].values() for step in job.get("steps", [])]


def shell_of(name: str) -> str:
    """The `run:` block of a step of gate.yml."""
    return str(next(step["run"] for step in steps(GITHUB / "gate.yml") if step.get("name") == name))


def bash(script: str, cwd: Path, *, before: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run as a runner does: `harness` on the PATH, a login of nobody."""
    paths = [*([str(before)] if before else []), str(Path(sys.executable).parent), os.environ["PATH"]]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=cwd,
        env={**inherited, "PATH": os.pathsep.join(paths), **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with a baseline in the repository and a good and a bad candidate as they are downloaded."""
    made(tmp_path / "baselines", "base", {"demo_tu": WAS})
    made(tmp_path / "good" / "downloaded" / "candidate", "next", {"demo_tu": WAS})
    made(tmp_path / "bad" / "downloaded" / "candidate", "next", {"demo_tu": changed(WAS, 60, 0)})
    for name in ("good", "bad"):
        shutil.copytree(tmp_path / "baselines", tmp_path / name / "baselines")
    return tmp_path


@pytest.mark.parametrize(("name", "code", "badge"), [("good", 0, "pass"), ("bad", 4, "fail")])
def test_the_gate_step_of_the_workflow_gates_what_was_downloaded(work: Path, name: str, code: int, badge: str) -> None:
    folder = work / name
    env = {"BASELINE": "baselines/base", "CANDIDATE": "candidate", "POLICY": "", "STRICT": "true"}
    done = bash(shell_of("Gate"), folder, GITHUB_STEP_SUMMARY=str(folder / "summary.md"), **env)
    assert done.returncode == code, done.stderr
    assert json.loads((folder / "gate" / "badge.json").read_text())["message"] == badge
    assert {file.name for file in (folder / "gate").iterdir()} == {"junit.xml", "comment.md", "badge.json", "gate.json"}
    assert (folder / "summary.md").read_text().startswith(f"# {badge.upper()}: ")


def test_a_missing_artifact_is_refused_with_a_report_and_text_of_inputs_is_never_a_command(work: Path) -> None:
    folder = work / "good"
    shutil.rmtree(folder / "downloaded")
    env = {"BASELINE": "baselines/base", "CANDIDATE": "$(touch owned)`touch owned`;touch owned", "POLICY": "", "STRICT": "false"}
    done = bash(shell_of("Gate"), folder, **env)
    assert done.returncode == 2
    assert json.loads((folder / "gate" / "badge.json").read_text())["message"] == "error"
    assert not list(work.rglob("owned"))


def test_the_gate_job_of_gitlab_gates_what_the_job_before_left(work: Path) -> None:
    folder = work / "bad"
    (folder / "downloaded" / "candidate").rename(folder / "candidate")
    (script,) = read(GITLAB)["gate"]["script"]
    done = bash(script, folder, BASELINE="baselines/base", POLICY="regression")
    assert done.returncode == 4, done.stderr
    assert (folder / read(GITLAB)["gate"]["artifacts"]["reports"]["junit"]).is_file()


def test_several_candidates_are_refused_and_no_first_one_is_taken(work: Path) -> None:
    folder = work / "good"
    made(folder / "downloaded" / "candidate", "other", {"demo_tu": WAS})
    env = {"BASELINE": "baselines/base", "CANDIDATE": "candidate", "POLICY": "", "STRICT": "false"}
    assert bash(shell_of("Gate"), folder, **env).returncode == 2
    (folder / "downloaded" / "candidate").rename(folder / "candidate")
    (script,) = read(GITLAB)["gate"]["script"]
    done = bash(script, folder, BASELINE="baselines/base", POLICY="regression")
    assert (done.returncode, "./candidate" in done.stderr) == (2, True)


def test_a_path_that_begins_with_a_hyphen_is_a_path(work: Path) -> None:
    folder = work / "good"
    (folder / "baselines").rename(folder / "-x")
    env = {"BASELINE": "-x/base", "CANDIDATE": "candidate", "POLICY": "", "STRICT": "false"}
    done = bash(shell_of("Gate"), folder, **env)
    assert (done.returncode, done.stderr) == (0, "")


# --- the sticky comment -----------------------------------------------------------------------------------------------------

GH = """#!/usr/bin/env bash
# GitHub's command, as far as the workflow uses it: lists the comments, and writes down what else it is asked for.
case "$*" in
*--method*) printf '%s\\n' "$*" >> calls ;;
*) cat comments.json ;;
esac
"""


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
@pytest.mark.parametrize(
    ("comments", "call"),
    [
        ([], "--method POST repos/o/r/issues/7/comments"),
        (
            [(1, "github-actions[bot]", "MARK\nold"), (2, "github-actions[bot]", "MARK\nolder")],
            "--method PATCH repos/o/r/issues/comments/1",
        ),
        ([(1, "mallory", "MARK\nmine"), (2, "github-actions[bot]", "other")], "--method POST repos/o/r/issues/7/comments"),
        ([(1, "mallory", "MARK\nmine"), (3, "github-actions[bot]", "MARK\nold")], "--method PATCH repos/o/r/issues/comments/3"),
        ([(1, "github-actions[bot]", None), (3, "github-actions[bot]", "MARK")], "--method PATCH repos/o/r/issues/comments/3"),
    ],
)
def test_one_comment_is_renewed_and_nobody_elses(tmp_path: Path, comments: list[tuple[int, str, str | None]], call: str) -> None:
    mark = "<!-- harness-gate:contract -->"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh").write_text(GH)
    (tmp_path / "bin" / "gh").chmod(0o755)
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "comment.md").write_text(f"{mark}\n## PASS\n")
    listed = [{"id": one, "user": {"login": who}, "body": text and text.replace("MARK", mark)} for one, who, text in comments]
    (tmp_path / "comments.json").write_text(json.dumps(listed))
    paths = {"COMMENTS": "repos/o/r/issues/7/comments", "COMMENT": "repos/o/r/issues/comments"}
    done = bash(shell_of("Comment"), tmp_path, before=tmp_path / "bin", **paths)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text() == f"api --silent {call} --field body=@gate/comment.md\n"


class _GitLab(BaseHTTPRequestHandler):
    """The notes of one merge request."""

    server: Any

    def _answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> str:
        said = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert self.headers["PRIVATE-TOKEN"] == "secret"
        return parse_qs(said)["body"][0]

    def do_GET(self) -> None:
        self._answer({"id": 5} if self.path.endswith("/user") else self.server.notes)

    def do_POST(self) -> None:
        self.server.notes.insert(0, {"id": 9, "author": {"id": 5}, "body": self._body()})
        self._answer({})

    def do_PUT(self) -> None:
        number = int(urlsplit(self.path).path.rpartition("/")[2])
        next(note for note in self.server.notes if note["id"] == number)["body"] = self._body()
        self._answer({})

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def gitlab() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _GitLab)
    server.notes = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.skipif(shutil.which("jq") is None or shutil.which("curl") is None, reason="no jq or no curl")
def test_one_note_of_a_merge_request_is_renewed(tmp_path: Path, gitlab: Any) -> None:
    mark = "<!-- harness-gate:contract -->"
    gitlab.notes.append({"id": 1, "author": {"id": 6}, "body": f"{mark}\nof somebody else"})
    (tmp_path / "gate").mkdir()
    (script,) = read(GITLAB)["note"]["script"]
    env = {
        "CI_API_V4_URL": f"http://127.0.0.1:{gitlab.server_port}/api/v4",
        "CI_PROJECT_ID": "1",
        "CI_MERGE_REQUEST_IID": "2",
        "GATE_TOKEN": "secret",
        "no_proxy": "127.0.0.1",
    }
    for text in (f"{mark}\n## FAIL & more\n", f"{mark}\n## PASS +1\n"):
        (tmp_path / "gate" / "comment.md").write_text(text)
        done = bash(script, tmp_path, **env)
        assert done.returncode == 0, done.stderr
        assert "secret" not in done.stdout + done.stderr
        assert [note["body"] for note in gitlab.notes] == [text, f"{mark}\nof somebody else"]


# --- what they may do -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_nothing_is_interpolated_into_a_shell_and_every_block_parses(file: Path) -> None:
    for step in steps(file):
        if "run" in step:
            assert "${{" not in step["run"], step["name"]
            assert step["shell"] == "bash"
            assert subprocess.run(["bash", "-n", "-c", step["run"]], check=False).returncode == 0


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_actions_are_pinned_to_a_major_version(file: Path) -> None:
    used = [step["uses"] for step in steps(file) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", one) for one in used)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_job_may_do_what_it_must_and_no_more(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"], name
    if file.name == "gate.yml":
        rights = {
            name: {kind for kind, level in job["permissions"].items() if level == "write"}
            for name, job in workflow["jobs"].items()
        }
        assert rights == {"gate": set(), "comment": {"pull-requests"}, "badge": {"contents"}}


def test_the_caller_gives_what_the_workflow_asks_for_and_knows() -> None:
    called = read(GITHUB / "gate.yml")
    caller = read(GITHUB / "checkpoint.yml")["jobs"]["gate"]
    order = ["read", "write"]
    for job in called["jobs"].values():
        for kind, level in job["permissions"].items():
            assert order.index(caller["permissions"][kind]) >= order.index(level)
    inputs = called[True]["workflow_call"]["inputs"]
    assert set(caller["with"]) <= set(inputs)
    assert {name for name, one in inputs.items() if one.get("required")} <= set(caller["with"])


def test_a_secret_stands_in_an_environment_and_nowhere_else() -> None:
    for file in WORKFLOWS:
        for step in steps(file):
            without = {key: value for key, value in step.items() if key != "env"}
            assert "secrets." not in json.dumps(without)
