"""A review on disk: every whole line counts, and nothing else does, whatever happened to the file."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import DataError, UsageError
from harness.reviewing.checking import StaleItem
from harness.reviewing.desk import Desk
from harness.reviewing.following import Following
from harness.reviewing.resolving import outcome_of
from harness.reviewing.store import DECISIONS, ITEMS, Review
from harness.schema import Decision, KeyText, Message
from tests.reviewing.made import question, reference, review, row, said, turns


def test_the_most_doubtful_comes_first(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1, doubt=0.2), row(2, doubt=0.9), row(3, doubt=0.2)])
    assert list(made.items) == ["src/2", "src/1", "src/3"]


def test_who_decides_again_adds_a_line_and_the_latest_counts(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1)])
    made.append(said(made, "src/1", "reject"))
    made.append(said(made, "src/1", "accept"))
    assert [one.action for one in made.decisions()] == ["reject", "accept"]
    outcome = made.outcomes()["src/1"]
    assert (outcome.state, outcome.decision and outcome.decision.action) == ("agreed", "accept")


@pytest.mark.parametrize("name", [DECISIONS, ".decisions.lock", ".claims.lock", "..claims.json.{pid}.tmp", ".claims.json"])
def test_a_link_in_somebody_elses_folder_leads_to_no_file_of_ours(tmp_path: Path, name: str) -> None:
    """Locks were opened to be overwritten, and a link was followed: its target was emptied."""
    ours = tmp_path / "ours"
    ours.write_bytes(b"precious, and without a line end")
    made = review(tmp_path / "r", [row(0), row(1)])
    (made.folder / name.format(pid=os.getpid())).symlink_to(ours)
    with contextlib.suppress(DataError):
        Desk(made).next("ann", "tab")
        made.append(said(made, "src/0", "reject"))
    assert ours.read_bytes() == b"precious, and without a line end"


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    made = review(tmp_path, [row(0)])
    (tmp_path / ITEMS).unlink()
    (tmp_path / ITEMS).symlink_to("/dev/zero")
    with pytest.raises(DataError, match="no regular file"):
        Review(made.folder)


def test_a_withdrawn_decision_is_in_no_outcome(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1)])
    made.append(said(made, "src/1", "reject"))
    made.append(said(made, "src/1", "withdraw"))
    assert made.outcomes()["src/1"].state == "open"
    assert made.outcomes()["src/1"].decisions == ()


def test_a_withdrawn_adjudication_leaves_the_item_split(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1)], people=2)
    made.append(said(made, "src/1", "accept", "ann"))
    made.append(said(made, "src/1", "reject", "bo"))
    made.append(said(made, "src/1", "accept", "cy", round="adjudication"))
    assert made.outcomes()["src/1"].state == "adjudicated"
    made.append(said(made, "src/1", "withdraw", "cy", round="adjudication"))
    assert made.outcomes()["src/1"].state == "split"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"action": "label", "label": "A"}, "'label' is no answer"),
        ({"label": "A"}, "a label goes with the action 'label'"),
        ({"messages": turns("a", "b")}, "goes with the action 'edit'"),
        ({"action": "edit"}, "has its turns in 'messages'"),
        ({"action": "edit", "messages": turns("a", " ")}, "cannot be empty"),
        ({"action": "edit", "messages": turns("a")}, "end with the assistant's"),
        ({"action": "edit", "messages": (Message(role="assistant", content="x"),)}, "end with the assistant's"),
        ({"action": "edit", "messages": turns("a", "b"), "text": KeyText(reference="x")}, "has its turns in 'messages'"),
        ({"action": "edit", "messages": turns("a", "half \ud800")}, "half a character"),
        ({"note": "n" * 10_001}, "at most 10,000"),
        ({"annotator": "  "}, "1 to 60 printable"),
        ({"annotator": "a\x1b[31m"}, "1 to 60 printable"),
        ({"item": "src/9"}, "no item 'src/9'"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_and_leaves_no_line(tmp_path: Path, fields: dict[str, Any], why: str) -> None:
    made = review(tmp_path, [row(1)])
    with pytest.raises(UsageError, match=why):
        made.append(said(made, "src/1", **fields))
    assert made.decisions() == []


def test_a_decision_on_another_text_is_refused(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1)])
    with pytest.raises(StaleItem, match="load the page again"):
        made.append(said(made, "src/1", digest="0" * 16))


def test_a_label_must_be_one_of_the_items(tmp_path: Path) -> None:
    made = review(tmp_path, [question(1)])
    with pytest.raises(UsageError, match="'D' is not one of A, B, C, invalid"):
        made.append(said(made, "q/1", "label", label="D"))
    assert made.append(said(made, "q/1", "label", label="invalid")).label == "invalid"


def test_an_edit_that_changes_nothing_is_an_acceptance(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1, "问", "答\r\n完")])
    same = made.append(said(made, "src/1", "edit", messages=turns("问", "答\n完  \n")))
    assert (same.action, same.messages) == ("accept", None)
    other = made.append(said(made, "src/1", "edit", messages=turns("问", "答")))
    assert (other.action, other.messages) == ("edit", turns("问", "答"))


def test_an_edited_reference_loses_its_empty_lines_and_cannot_be_empty(tmp_path: Path) -> None:
    made = review(tmp_path, [reference(1)])
    kept = made.append(said(made, "k/1", "edit", text=KeyText(reference=" 新 ", accept=("", " 甲 "))))
    assert kept.text == KeyText(reference="新", accept=("甲",))
    with pytest.raises(UsageError, match="cannot be empty"):
        made.append(said(made, "k/1", "edit", text=KeyText(reference=" ")))


def test_several_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1), row(2)])
    with pytest.raises(UsageError):
        made.extend([said(made, "src/1"), said(made, "src/2", "label", label="A")])
    assert made.decisions() == []


def test_items_that_were_changed_behind_the_manifest_are_found(tmp_path: Path) -> None:
    review(tmp_path, [row(1)])
    (tmp_path / ITEMS).write_text((tmp_path / ITEMS).read_text("utf-8").replace("写好", "写坏"), "utf-8")
    with pytest.raises(DataError, match=r"items\.jsonl: is not the file that review\.json describes"):
        Review(tmp_path)


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    made = review(tmp_path, [row(1)])
    made.append(said(made, "src/1"))
    (tmp_path / DECISIONS).write_bytes((tmp_path / DECISIONS).read_bytes() + b"{broken\n")
    with pytest.raises(DataError, match=r"decisions\.jsonl:2: "):
        made.decisions()
    with pytest.raises(DataError, match=r"decisions\.jsonl:2: "):
        Following(made).refresh()


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(40)], people=2)

    def decide(who: str) -> None:
        mine = Review(tmp_path)
        for name in mine.items:
            mine.append(said(mine, name, "accept", who))

    threads = [threading.Thread(target=decide, args=(who,)) for who in ("ann", "bo")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made.decisions()) == 80
    assert {one.state for one in made.outcomes().values()} == {"agreed"}


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    import resource
    import signal

    made = review(tmp_path, [row(1), row(2)])
    made.append(said(made, "src/1"))
    before = (tmp_path / DECISIONS).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    earlier = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        with pytest.raises(DataError, match="cannot be written"):
            made.append(said(made, "src/2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, earlier)
    assert (tmp_path / DECISIONS).read_bytes() == before


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["src/0", "src/1", "src/2"]),
            st.sampled_from(["accept", "reject", "flag", "withdraw"]),
            st.sampled_from(["ann", "bo"]),
            st.sampled_from(["annotation", "adjudication"]),
        ),
        st.floats(0, 1),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_was_decided_and_wherever_it_crashed_the_whole_lines_count(
    steps: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A number among the steps is a crash: the file is cut off there, at any byte."""
    folder = tmp_path_factory.mktemp("review")
    made = review(folder, [row(number) for number in range(3)], people=2, overlap=0.5)
    path, followed = folder / DECISIONS, Following(made)
    for step in steps:
        if isinstance(step, float):
            raw = path.read_bytes() if path.is_file() else b""
            path.write_bytes(raw[: round(step * len(raw))])
        else:
            item, action, who, which = step
            made.append(said(made, item, action, who, round=which))
        whole = (path.read_bytes() if path.is_file() else b"").split(b"\n")[:-1]
        lines = [Decision.model_validate(json.loads(line)) for line in whole]
        expected = {
            name: outcome_of(name, [one for one in lines if one.item == name], made.wanted(item))
            for name, item in made.items.items()
        }
        assert made.outcomes() == expected
        followed.refresh()
        assert {name: followed.outcome(name) for name in made.items} == expected
