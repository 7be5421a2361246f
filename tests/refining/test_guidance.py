"""What models are told: files of sections, and what can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import culture as cultures
from harness.errors import DataError, UsageError
from harness.refining.guidance import SECTIONS, load, transcript


@pytest.mark.parametrize("culture", ["zh_cn", "demo", "demo2"])
@pytest.mark.parametrize("name", list(SECTIONS))
def test_every_culture_here_tells_all_that_is_needed(culture: str, name: str) -> None:
    found = load(cultures.load(culture), name)
    assert set(found.sections) == set(SECTIONS[name])
    assert found.never


def test_what_is_filled_in_is_data_and_stays_as_it_is() -> None:
    found = load(cultures.load("demo"), "refine")
    assert "{{dialogue}} 和 {{nothing}}" in found.fill("draft", draft="{{dialogue}} 和 {{nothing}}")


def own(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "own.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_an_own_file_replaces_the_sections_it_has(tmp_path: Path) -> None:
    found = load(
        cultures.load("demo"), "refine", own(tmp_path, "给人看的\n\n# system\n只说结果。\n\n# again\n因为{{ why }}，再来。\n")
    )
    assert found.sections["system"] == "只说结果。"
    assert found.fill("again", why="太长") == "因为太长，再来。"
    assert "<草稿>" in found.sections["draft"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# sytem\nx", "has an unknown section '# sytem'; there are system, safety"),
        ("# system\n", "section '# system' is empty"),
        ("# again\n再来", "section '# again' never says {{why}}"),
        ("# draft\n{{draft}} {{reply}}", "section '# draft' knows no {{reply}}; it may say {{draft}}"),
        ("# system\n{{draft}}", "section '# system' knows no {{draft}}; nothing is filled in there"),
        ("说明".encode("gbk"), "not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_that_names_it(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = own(tmp_path, text)
    with pytest.raises(DataError) as caught:
        load(cultures.load("demo"), "refine", path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_culture_without_guidance_is_told_what_to_write(tmp_path: Path) -> None:
    bare = cultures.load("demo").model_copy(update={"folder": str(tmp_path)})
    with pytest.raises(UsageError, match=r"has no guidance/refine.md; write one, or give --guidance FILE"):
        load(bare, "refine")
    with pytest.raises(DataError, match="has no section '# safety'"):
        load(bare, "refine", own(tmp_path, "只说结果。"))


def test_turns_are_shown_with_who_says_them() -> None:
    assert transcript([("user", "问"), ("assistant", "答")]) == "<user>\n问\n</user>\n<assistant>\n答\n</assistant>"
