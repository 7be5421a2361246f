"""Data sets in an adaptation: handed to every mix, part of its name, and looked at before anything is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import culture
from harness.adapting.adapt import adapt
from harness.adapting.asked import Asked
from harness.adapting.outlook import _sample
from harness.errors import UsageError
from tests.adapting.conftest import places
from tests.adapting.world import World
from tests.mixing.test_datasets import made_set, tagged


def test_data_sets_go_to_every_mix_and_are_part_of_what_was_asked(world: World, tmp_path: Path) -> None:
    folder = made_set(tmp_path / "set", [tagged(1, "demo_skills/TU")])
    given: list[dict[str, Any]] = []
    plain = world.mix

    def mix(*words: Any, **more: Any) -> Any:
        given.append({name: more.pop(name, None) for name in ("data", "data_only")})
        return plain(*words, **more)

    world.mix = mix  # type: ignore[method-assign]
    found = adapt(Asked("demo-en-small", "demo", data=(folder,), data_only=True), places(world), verbs=world.verbs)
    assert given == [{"data": (folder,), "data_only": True}] * 2
    assert found.asked["data_only"] is True
    assert set(found.asked["data"]) == {"data:made"}


def test_what_was_asked_goes_by_the_rows_of_data_sets_and_without_any_is_what_it_always_was(tmp_path: Path) -> None:
    demo = culture.load("demo")
    one = made_set(tmp_path / "a", [tagged(1, "demo_skills/TU")])
    two = made_set(tmp_path / "b", [tagged(2, "demo_skills/TU")])
    plans = [Asked("m", "demo", data=data).plan(demo) for data in ((one,), (two,), ())]
    assert plans[0]["data"] != plans[1]["data"]
    assert not {"data", "data_only"} & plans[2].keys()


def test_a_data_set_that_cannot_be_used_is_refused_before_anything_is_measured(world: World, tmp_path: Path) -> None:
    other = made_set(tmp_path / "set", [tagged(1, "a_eval/TU")], of="zh_cn")
    for asked, said in (
        (Asked("demo-en-small", "demo", data=(other,)), "is of culture 'zh_cn'"),
        (Asked("demo-en-small", "demo", data=(tmp_path,)), "is no data set"),
        (Asked("demo-en-small", "demo", data_only=True), "--data-only needs a data set"),
    ):
        with pytest.raises(UsageError, match=said):
            adapt(asked, places(world), verbs=world.verbs)
    assert not (world.root / "runs").exists()


def test_the_outlook_counts_the_tokens_of_rows_that_are_tagged(tmp_path: Path) -> None:
    folder = made_set(tmp_path / "set", [tagged(n, "demo_skills/TU", "demo_skills/IE") for n in range(40)])
    asked = Asked("demo-en-small", "demo", data=(folder,), data_only=True)
    found = _sample(culture.load("demo"), "knowledge", {}, asked)
    assert len(found) == 80
    assert {turns[0]["content"] for turns in found} == {f"第{n}号茶叶要泡多久？" for n in range(40)}
    mixed = _sample(culture.load("demo"), "knowledge", {}, Asked("demo-en-small", "demo", data=(folder,)))
    assert len(mixed) > 150
