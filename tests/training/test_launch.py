"""delivery.json, read as what anybody may have written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.errors import TrainerError
from harness.training.complaint import complaint
from harness.training.follow import Follower
from harness.training.launch import read_delivery


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "report: Field required"),
        ("[" * 99_999, "is no delivery"),
        (" " * (2 << 20), "more than 1,048,576 bytes"),
        ('{"report": {"steps": "many"}}', "report.steps: "),
        ('{"report": {"steps": -1}}', "steps is -1, which cannot be"),
        ('{"report": {"steps": 1, "tokens_per_second": Infinity}}', "tokens_per_second is inf, which cannot be"),
        ('{"report": {"steps": 1, "first_loss": NaN}}', "first_loss is nan: the training diverged"),
        ('{"report": {"steps": 1, "secret": 1}}', "report.secret: Extra inputs are not permitted"),
        (
            '{"report": {"steps": 1}, "versions": {"a": "' + "b" * 500 + '"}}',
            "versions has more than 200 entries, or one as long",
        ),
    ],
)
def test_a_delivery_that_is_none_says_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "delivery.json").write_text(text)
    with pytest.raises(TrainerError) as caught:
        read_delivery(tmp_path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'delivery.json'}: ")
    assert len(str(caught.value)) < 500 + len(str(tmp_path))


def test_a_delivery_needs_only_its_steps(tmp_path: Path) -> None:
    (tmp_path / "delivery.json").write_text(json.dumps({"report": {"steps": 0}}))
    assert read_delivery(tmp_path).report.model_dump(exclude_defaults=True) == {"steps": 0}


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("delivery.json", "error.json", "log.txt", "progress.jsonl"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(TrainerError, match="is no plain file"):
        read_delivery(tmp_path)
    assert complaint(tmp_path, tmp_path / "log.txt", 1) == "it ended with status 1 and printed nothing"
    assert Follower(tmp_path / "progress.jsonl").read() is None
