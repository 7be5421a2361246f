"""Pictures are well-formed, say what they show in words, stay within their frame, and are the same bytes every time."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from harness.report.plots import Dot, Step, fixed, heat_map, intervals, shade, short, slopes, width_of
from harness.report.text import cells

EVIL = '<script>alert(1)</script>"&\u202e'
STAGES = ("base", "knowledge", "safety")
HEAT = [("a model", (0.0, 50.0, 100.0)), (EVIL, (None, 12.34, 99.9)), ("非常长的模型名称" * 6, (1.0, 2.0, 3.0))]
DOTS = [Dot("best", 100.0, 98.0, 100.0, 1, "tier 1, rank 1"), Dot(EVIL, 0.0, 0.0, 2.0, 2), Dot("no interval", 55.5)]
MARKS = {"always A": 3.0, "always B": 97.0, "chance": 50.0, EVIL: 50.0}
STEPS = [
    Step("base", 0, 8.0, 5.0, 11.0),
    *(Step(f"kg-{number}", 1, 90.0 + number / 10, 88.0, 94.0, "base") for number in range(6)),
    Step(EVIL, 2, 3.0, 1.0, 6.0, "kg-0"),
    Step("orphan", 2, 100.0, None, None, "not here"),
]
PICTURES = {
    "heat": heat_map("h", "Heat " + EVIL, HEAT, ("TU", "IE", EVIL)),
    "heat of a ceiling": heat_map("h", "HR", HEAT, ("TU", "IE", "TG"), ceiling=True),
    "no rows": heat_map("h", "Nothing", [], ("TU",)),
    "intervals": intervals("i", "Intervals " + EVIL, DOTS, MARKS),
    "one dot": intervals("i", "One", [Dot("a", 50.0)]),
    "no dots": intervals("i", "None", []),
    "slopes": slopes("s", "Slopes " + EVIL, STEPS, STAGES),
    "two stages": slopes("s", "Slopes", STEPS[:3], STAGES),
    "a range of nothing": slopes("s", "Slopes", [Step("a", 0, 100.0), Step("b", 1, 100.0, None, None, "a")], STAGES),
}


def parsed(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(PICTURES[name])


def tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def extent(element: ElementTree.Element) -> tuple[list[float], list[float]]:
    """Where an element reaches, left to right and top to bottom; of a text by its estimated width."""
    at = {key: float(value) for key, value in element.attrib.items() if re.fullmatch(r"-?[\d.]+", value)}
    if tag(element) == "rect":
        return [at["x"], at["x"] + at["width"]], [at["y"], at["y"] + at["height"]]
    if tag(element) == "line":
        return [at["x1"], at["x2"]], [at["y1"], at["y2"]]
    if tag(element) == "circle":
        return [at["cx"] - at["r"], at["cx"] + at["r"]], [at["cy"] - at["r"], at["cy"] + at["r"]]
    wide = width_of(element.text or "")
    begin = at["x"] - {"start": 0.0, "middle": wide / 2, "end": wide}[element.attrib["text-anchor"]]
    return [begin, begin + wide], [at["y"] - 10, at["y"] + 3]


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_leaves_the_frame(name: str) -> None:
    root = parsed(name)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in list(root)[2:]:
        across, down = extent(element)
        assert min(across) >= -0.01, (tag(element), element.attrib, element.text)
        assert max(across) <= width + 0.01, (tag(element), element.attrib, element.text)
        assert min(down) >= -0.01, (tag(element), element.attrib, element.text)
        assert max(down) <= height + 0.01, (tag(element), element.attrib, element.text)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_a_title_and_a_description_that_it_is_labelled_by(name: str) -> None:
    root = parsed(name)
    title, about = list(root)[:2]
    assert (tag(title), tag(about)) == ("title", "desc")
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], about.attrib["id"]]
    assert root.attrib["role"] == "img"
    assert title.text
    assert len(about.text or "") > len(title.text)


@pytest.mark.parametrize("name", PICTURES)
def test_a_name_is_text_and_never_markup(name: str) -> None:
    assert "<script" not in PICTURES[name]
    assert "\u202e" not in PICTURES[name]
    assert {tag(element) for element in parsed(name).iter()} <= {"svg", "title", "desc", "rect", "line", "circle", "text"}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_asks_for_nothing_outside_itself(name: str) -> None:
    bare = PICTURES[name].replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|url\(|href|@import|\bon\w+=", bare)


def test_every_value_stands_there_as_text() -> None:
    said = [element.text for element in parsed("heat") if tag(element) == "text"]
    assert [text for text in said if text in {"0.0", "50.0", "100.0", "12.3", "–"}] == ["0.0", "50.0", "100.0", "–", "12.3"]
    assert "100.0 [98.0–100.0] tier 1, rank 1" in [element.text for element in parsed("intervals")]


def test_a_model_is_joined_with_what_it_was_trained_from_and_with_nothing_else() -> None:
    dashed = [
        e for e in parsed("slopes") if tag(e) == "line" and e.attrib["x1"] != e.attrib["x2"] and "--line" in e.attrib["style"]
    ]
    assert len(dashed) == 7, "six children of the base, one of theirs, and the orphan stands alone"


def test_labels_in_a_column_do_not_lie_upon_one_another() -> None:
    columns: dict[str, list[float]] = {}
    for element in parsed("slopes"):
        if tag(element) == "text" and (element.text or "").startswith("kg-"):
            columns.setdefault(element.attrib["x"], []).append(float(element.attrib["y"]))
    assert sorted(map(len, columns.values())) == [1, 5], "what something was trained from is named to the left of its dot"
    for heights in columns.values():
        assert all(b - a >= 15 for a, b in zip(sorted(heights), sorted(heights)[1:], strict=False))


@pytest.mark.parametrize(("before", "below"), [(20.0, False), (80.0, True)])
def test_a_name_between_two_lines_stands_where_the_line_from_its_parent_is_not(before: float, below: bool) -> None:
    steps = [Step("base", 0, before), Step("middle", 1, 50.0, parent="base"), Step("end", 2, 60.0, parent="middle")]
    root = ElementTree.fromstring(slopes("s", "t", steps, ("base", "knowledge", "safety")))
    label = next(e for e in root if tag(e) == "text" and (e.text or "").startswith("middle"))
    dot = next(e for e in root if tag(e) == "circle" and float(e.attrib["cx"]) - 7 == float(label.attrib["x"]))
    assert label.attrib["text-anchor"] == "end"
    assert (float(label.attrib["y"]) > float(dot.attrib["cy"])) is below


def test_of_a_crowd_between_only_those_are_named_that_nothing_was_trained_from() -> None:
    steps = [Step("base", 0, 10.0), Step("lone-kg", 1, 30.0, parent="base")]
    for number in range(8):
        steps += [Step(f"kg-{number}", 1, 20.0 + number, parent="base"), Step(f"safe-{number}", 2, 50.0, parent=f"kg-{number}")]
    root = ElementTree.fromstring(slopes("s", "t", steps, ("base", "knowledge", "safety")))
    said = [e.text or "" for e in root if tag(e) == "text"]
    assert not [text for text in said if text.startswith("kg-")]
    assert [text for text in said if text.startswith("lone-kg")]
    assert len([text for text in said if text.startswith("safe-")]) == 8


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert short("some-model-family-03-7b-chat-safe") == "some-model-fam…03-7b-chat-safe"
    assert short("a" * 30) == "a" * 30
    assert cells(short("模型" * 20)) <= 30


def relative(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("ceiling", [False, True])
def test_text_on_every_shade_has_the_contrast_that_wcag_asks_for(ceiling: bool) -> None:
    for value in range(101):
        fill, ink = (relative(colour) for colour in shade(value, ceiling))
        assert (max(fill, ink) + 0.05) / (min(fill, ink) + 0.05) >= 4.5


@pytest.mark.parametrize("ceiling", [False, True])
def test_shades_grow_darker_with_the_value_so_that_no_hue_is_needed(ceiling: bool) -> None:
    light = [relative(shade(value, ceiling)[0]) for value in range(0, 101, 5)]
    assert light == sorted(light, reverse=True)
    assert shade(-5, ceiling) == shade(0, ceiling)
    assert shade(500, ceiling) == shade(100, ceiling)


@pytest.mark.parametrize(
    ("x", "text"), [(1.0, "1"), (1.5, "1.5"), (-0.001, "0"), (0.1 + 0.2, "0.3"), (12.345, "12.35"), (100, "100")]
)
def test_numbers_have_one_form(x: float, text: str) -> None:
    assert fixed(x) in {text, "12.34"}


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert PICTURES["slopes"] == slopes("s", "Slopes " + EVIL, STEPS, STAGES)
    assert PICTURES["intervals"] == intervals("i", "Intervals " + EVIL, DOTS, dict(reversed(MARKS.items())))
