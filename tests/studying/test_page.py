"""The page on studies shows a file that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.folders import home
from harness.studying.planning import plan_study
from harness.studying.reading import read_study

PAGE = home() / "docs" / "studies.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="the pages are not in the wheel")
def test_the_study_of_the_page_is_one_that_can_be_planned(tmp_path: Path) -> None:
    shown = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown
    file = tmp_path / "order.toml"
    file.write_text(shown[1], encoding="utf-8")
    kinds = [step.kind for step in plan_study(read_study(file))]
    assert [kinds.count(kind) for kind in ("draw", "train", "measure")] == [6, 12, 6]


@pytest.mark.parametrize("file", sorted((home() / "examples" / "studies").glob("*.toml")), ids=lambda file: file.stem)
def test_a_prepared_study_says_nothing_that_does_not_exist(file: Path) -> None:
    study = read_study(file)
    assert len(study.seeds) >= 3
    assert study.contrasts or study.interference
