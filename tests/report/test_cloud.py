"""A cloud of words: none upon another, all within the frame, sizes after numbers, everything said in words too."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.plots import CloudWord, cloud
from harness.report.plots.cloud import AREA, LARGEST, SMALLEST, Box, ems, layout

EVIL = '<script>alert(1)</script>"&\u202e'
WORDS = [CloudWord(f"word{'y' * (n % 5)}", 200 - n, "ab"[n % 2]) for n in range(60)]
WORDS += [CloudWord("文本" * (1 + n % 3), 150 - n, "b") for n in range(30)]


def texts(svg: str) -> list[ElementTree.Element]:
    return [one for one in ElementTree.fromstring(svg) if one.tag.endswith("text")]


def size(element: ElementTree.Element) -> float:
    (found,) = re.findall(r"font-size:([\d.]+)px", element.attrib["style"])
    return float(found)


def meet(a: Box, b: Box) -> bool:
    """By more than rounding."""
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return min(across, down) > 1e-6


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.text("abcWi文本ง", min_size=1, max_size=8), st.integers(1, 900)), max_size=25))
def test_no_word_lies_upon_another(words: list[tuple[str, int]]) -> None:
    boxes = layout(sorted(words, key=lambda one: -one[1]))
    assert len(boxes) == len(words)
    assert not [1 for i, one in enumerate(boxes) for other in boxes[:i] if meet(one, other)]
    assert all(SMALLEST <= box.size <= LARGEST for box in boxes)


def test_nothing_leaves_the_frame() -> None:
    svg = cloud("c", "Words", WORDS, ("a", "b"))
    _, _, width, height = map(float, ElementTree.fromstring(svg).attrib["viewBox"].split())
    words = [one for one in texts(svg) if one.attrib["text-anchor"] == "middle"]
    assert len(words) == len(WORDS)
    for one in words:
        half = ems(one.text or "") * size(one) / 2
        assert float(one.attrib["x"]) - half >= 0
        assert float(one.attrib["x"]) + half <= width
        assert float(one.attrib["y"]) - 0.9 * size(one) >= 0
        assert float(one.attrib["y"]) + 0.2 * size(one) <= height


def test_the_more_the_larger_and_the_first_in_the_middle() -> None:
    boxes = layout([("four", 400), ("hundred", 100), ("one", 1)])
    assert [box.size for box in boxes] == [LARGEST, LARGEST / 2, SMALLEST]
    assert (boxes[0].x + boxes[0].width / 2, boxes[0].y + boxes[0].height / 2) == (0, 0)


def test_many_words_of_like_numbers_are_smaller_so_that_the_cloud_fits_a_page() -> None:
    boxes = layout([(f"likewise{n}", 100) for n in range(90)])
    assert len({box.size for box in boxes}) == 1
    assert boxes[0].size < LARGEST
    assert sum(box.size**2 * ems("likewise1") for box in boxes) < 1.1 * AREA
    assert max(box.x + box.width for box in boxes) - min(box.x for box in boxes) < 1000


def test_a_chinese_character_takes_an_em_and_a_latin_letter_less() -> None:
    assert ems("文本") == 2
    assert 1 < ems("text") < 3
    assert ems("iii") < ems("mmm")


def test_the_picture_says_its_words_and_numbers_without_being_seen() -> None:
    title, about = list(ElementTree.fromstring(cloud("c", "Words", WORDS)))[:2]
    assert title.text == "Words"
    assert about.text is not None
    assert "90 words, with the texts that hold them: word 200, " in about.text


def test_a_legend_names_the_colours_while_there_are_enough() -> None:
    named = [one.text for one in texts(cloud("c", "t", WORDS, ("a", "b")))]
    assert {"a", "b"} <= set(named)
    seven = cloud("c", "t", [CloudWord("tea", 3, "g")], tuple("abcdefg"))
    assert [one.text for one in texts(seven)] == ["tea"]
    assert len(set(re.findall(r"--line\d", seven))) == 1


def test_a_word_is_text_and_never_markup() -> None:
    svg = cloud("c", EVIL, [CloudWord(EVIL, 5, EVIL), CloudWord("tea", 2, "x")], (EVIL, "x"))
    assert "<script" not in svg
    assert "\u202e" not in svg
    ElementTree.fromstring(svg)


def test_no_words_make_an_empty_picture() -> None:
    assert texts(cloud("c", "t", [])) == []


def test_the_same_words_give_the_same_bytes() -> None:
    assert cloud("c", "t", WORDS, ("a", "b")) == cloud("c", "t", list(WORDS), ("a", "b"))
