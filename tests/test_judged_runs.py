"""Real runs judged over a real connection by judges that err, and what `harness judge-audit` makes of them, counted by hand."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.runs import load_run, read_samples
from harness.schema import JudgeAudit, SampleResult
from tests.conftest import Cli, Done
from tests.loopback import Loopback, at_rate

Start = Callable[..., Loopback]
TASKS = ("--tasks", "demo_risk,demo_tu", "--limit", "12")


class Judges:
    """One server, three models: `tested` answers, `moody` says something else now and then, `strict` always the same."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        if body["model"] == "tested":
            return f"回答 {len(prompt)}"
        nonce = re.search(r"[0-9a-f]{16}", prompt)
        said = {"id": nonce.group() if nonce else "", **self._verdict(body, re.sub(r"[0-9a-f]{16}", "", prompt))}
        return json.dumps({**said, "reason": "理由"}, ensure_ascii=False)

    def _verdict(self, body: dict[str, Any], prompt: str) -> dict[str, Any]:
        self.asked[body["model"] + prompt] += 1
        about = random.Random(prompt)
        mood = random.Random(f"{prompt} {self.asked[body['model'] + prompt]}") if body["model"] == "moody" else random.Random("")
        properties = body["response_format"]["json_schema"]["schema"]["properties"]
        if "label" in properties:
            place = about.randrange(3)
            return {"label": properties["label"]["enum"][place + (mood.random() < 0.3)]}
        return {"score": about.choice([60, 85, 90, 100]) - mood.choice([0, 0, 10])}


def record(done: Done) -> dict[str, Any]:
    assert done.code == 0, done.err
    parsed: dict[str, Any] = json.loads(done.out)
    return parsed


def verdicts(run: str, benchmark: str) -> list[SampleResult]:
    found = [one for one in read_samples(load_run(run)) if one.task.startswith(benchmark)]
    return sorted(found, key=lambda one: one.sample.id)


def kappa(one: list[Any], other: list[Any]) -> float:
    n = len(one)
    ours, theirs = Counter(one), Counter(other)
    chance = sum(ours[name] * theirs[name] for name in ours) / n**2
    return (sum(a == b for a, b in zip(one, other, strict=True)) / n - chance) / (1 - chance)


def test_a_second_pass_other_judges_and_a_panel_are_what_a_count_by_hand_gives(
    cli: Cli, loopback: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = loopback(answer=Judges(), models=("tested", "moody", "strict"))
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
    run = record(cli("eval", "--model", f"{server.base_url}#tested", *TASKS, "--judge", "openai:moody", "--json"))["id"]
    again = record(cli("judge", run, "--judge", "openai:moody", "--fresh", "--json"))
    other = record(cli("judge", run, "--judge", "openai:strict", "--json"))
    assert again["usage"]["judged"] == other["usage"]["judged"] == 72
    words = ("--retest", again["id"], "--versus", other["id"], "--panel", again["id"], "--panel", other["id"])
    found = JudgeAudit.model_validate(record(cli("judge-audit", run, *words, "--json")))
    risk = [
        [one.verdict and one.verdict.label for one in verdicts(name, "demo_risk")] for name in (run, again["id"], other["id"])
    ]
    flipped = {one.benchmark: one.flips for one in found.flips}
    assert flipped["demo_risk"] == sum(a != b for a, b in zip(risk[0], risk[1], strict=True)) > 0
    pair = next(one for one in found.versus if one.benchmark == "demo_risk")
    assert pair.raw == pytest.approx(sum(a == b for a, b in zip(risk[0], risk[2], strict=True)) / 60)
    assert pair.kappa == pytest.approx(kappa(risk[0], risk[2]))
    scores = [[one.metrics["score"] for one in verdicts(name, "demo_tu")] for name in (run, again["id"], other["id"])]
    assert flipped["demo_skills"] == sum((a >= 90) != (b >= 90) for a, b in zip(*scores[:2], strict=True)) > 0
    acc = next(one for one in found.panel if one.metric == "acc")
    assert acc.panel.value == pytest.approx(sum(value >= 90 for column in scores for value in column) / 36)
    assert acc.thresholded == pytest.approx(sum(sum(item) / 3 >= 90 for item in zip(*scores, strict=True)) / 12)


def test_a_pass_of_its_own_asks_everything_once_and_goes_on_where_it_was_cut_off(
    cli: Cli, loopback: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = loopback(answer=Judges(), models=("tested", "moody"))
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
    run = record(cli("eval", "--model", f"{server.base_url}#tested", *TASKS, "--judge", "openai:moody", "--json"))["id"]
    first = record(cli("judge", run, "--judge", "openai:moody", "--json"))
    assert first["usage"]["judged"] == 0
    assert "its verdicts come from the cache" in cli("judge-audit", run, "--retest", first["id"], "--json").out
    server.faults = at_rate(0.4, "content_filter")
    done = cli("judge", run, "--judge", "openai:moody", "--fresh", "--json")
    cut_off = json.loads(done.out)
    assert (done.code, cut_off["id"], cut_off["usage"]["judged"]) == (3, f"{first['id']}-2", 72)
    missing = sum(one["n"] - one["judged"] for one in cut_off["coverage"])
    server.faults = None
    second = record(cli("judge", run, "--judge", "openai:moody", "--fresh", "--json"))
    assert (second["id"], second["usage"]["judged"]) == (cut_off["id"], missing)


def test_a_run_is_no_second_pass_of_itself_and_no_judge_has_two_seats(cli: Cli, loopback: Start) -> None:
    server = loopback(answer=Judges(), models=("tested",))
    run = record(cli("eval", "--model", f"{server.base_url}#tested", *TASKS, "--json"))["id"]
    lenient = record(cli("judge", run, "--json"))["id"]
    for word in ("--retest", "--versus", "--panel"):
        done = cli("judge-audit", run, word, run)
        assert (done.code, "is the run that is audited" in done.err) == (2, True)
    done = cli("judge-audit", run, "--panel", lenient, "--panel", lenient)
    assert (done.code, "sits in the panel twice" in done.err) == (2, True)


def test_a_run_judged_again_keeps_the_settings_that_its_responses_were_given_under(cli: Cli, tiny_model: Path) -> None:
    """Else it could not be gated or ranked with any other run, and two of them that were prompted differently could."""
    small = ("--limit", "2", "--gen", "max_gen_toks=7", "--model-arg", "dtype=float32")
    run = record(cli("eval", "--model", str(tiny_model), "--tasks", "demo_risk", *small, "--json"))
    again = record(cli("judge", run["id"], "--threshold", "50", "--json"))
    assert run["provenance"]["chat_template"]
    for name in ("chat_template", "generation", "model_fingerprint", "seed", "data", "tasks"):
        assert again["provenance"][name] == run["provenance"][name], name
    assert json.dumps(again["provenance"]["generation"]).count('"max_gen_toks": 7') == 5
