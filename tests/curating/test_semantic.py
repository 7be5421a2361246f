"""Semantic duplicates against a real server on the loopback, and a real encoder from a folder."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.curating import columns
from harness.curating.alike import meaning
from harness.curating.alike.embeddings import EndpointModel, FolderModel, Vectors, embedded
from harness.curating.contract import Context
from harness.curating.steps.semantic import SemanticDuplicates
from harness.endpoint import EmbeddingRequest, Endpoint, embed_many
from harness.errors import DataError, IncompleteRun, ModelError
from harness.schema import Culture
from harness.wire import read_embeddings
from tests.curating import made
from tests.curating.sketching import ruled
from tests.loopback import Loopback, embedding, first, marked

np = pytest.importorskip("numpy")
Start = Callable[..., Loopback]
KEY = "sk-very-secret-456"
STEADY = settings(deadline=None, derandomize=True, max_examples=60)
ROWS = [
    made.row("茶怎么泡？", "先把水烧开，再放茶叶，等三分钟就好。", 1),
    made.row("怎么泡茶？", "先把水烧开，再放茶叶，等三分钟就好。", 2),
    made.row("石桥有多长？", "河边的人说它有一百二十步，没有人量过。", 3),
]


def semantic(server: Loopback | None = None, **given: object) -> SemanticDuplicates:
    known = {"model": "m", "base_url": server.base_url, "max_retries": 0} if server else {}
    return SemanticDuplicates.model_validate({"use": "semantic_duplicates", **known, **given})


def endpoint(server: Loopback, **given: Any) -> Endpoint:
    return Endpoint(**{"base_url": server.base_url, "model": "m", "backoff": 0.01, "timeout": 5, **given})


def context(folder: Path) -> Context:
    return Context(Culture.model_construct(), folder, 1234, [])


def test_rows_of_like_meaning_go_and_name_the_one_that_stays(tmp_path: Path, loopback: Start) -> None:
    found, notes = ruled(tmp_path, semantic(loopback(), similarity=0.9), [ROWS[:1], ROWS[1:]])
    assert found == {"made/2": "of made/1"}
    assert notes == ["1 clusters of duplicates, the largest of 2 rows"]


def test_a_second_time_nothing_is_asked(tmp_path: Path, loopback: Start) -> None:
    server = loopback()
    ruled(tmp_path, semantic(server), [ROWS])
    found, _ = ruled(tmp_path, semantic(server), [ROWS[::-1], ROWS])
    assert set(found) == {"made/1", "made/2", "made/3"}
    assert len(server.requests) == 1


def test_equal_texts_are_asked_about_once(tmp_path: Path, loopback: Start) -> None:
    server = loopback()
    ruled(tmp_path, semantic(server), [[made.row("茶？", "水。", number) for number in range(50)]])
    assert [len(body["input"]) for body in server.requests] == [1]


def test_vectors_come_in_the_order_of_the_texts_however_the_server_lists_them(loopback: Start) -> None:
    texts = [f"第{number}句话，说的是{made.WORDS[number]}。" for number in range(10)]
    [reply] = embed_many(endpoint(loopback()), [EmbeddingRequest(texts)])
    assert reply.error is None
    assert [list(vector) for vector in reply.vectors] == [embedding(text) for text in texts]


@pytest.mark.parametrize("fault", ["429", "500", "503", "drop", "cut"])
def test_what_can_pass_is_tried_again(loopback: Start, fault: str) -> None:
    server = loopback(faults=first(2, fault))  # type: ignore[arg-type]
    [reply] = embed_many(endpoint(server), [EmbeddingRequest(["茶"])])
    assert reply.error is None
    assert (reply.attempts, len(server.requests)) == (3, 3)


def test_a_text_that_the_server_refuses_costs_no_other_its_vector(tmp_path: Path, loopback: Start) -> None:
    server = loopback(faults=marked)
    texts = [f"第{number}句" for number in range(16)]
    texts[5] = "FAULT:400"
    server.faults = lambda body, seen: "400" if "FAULT:400" in body["messages"][-1]["content"] else None
    found = embedded(texts, EndpointModel(endpoint(server), 16), Vectors(tmp_path / "store.sqlite"))
    assert [i for i, there in enumerate(found.got) if not there] == [5]
    assert "HTTP 400" in found.why


def test_a_server_that_refuses_everything_is_not_asked_about_every_text(tmp_path: Path, loopback: Start) -> None:
    server = loopback(faults=lambda body, seen: "garbage")
    found = embedded([str(i) for i in range(64)], EndpointModel(endpoint(server), 8), Vectors(tmp_path / "store.sqlite"))
    assert not found.got.any()
    assert len(server.requests) == 8


def test_a_dead_endpoint_is_noticed_at_the_first_shard(tmp_path: Path, loopback: Start) -> None:
    server = loopback(faults=lambda body, seen: "500")
    rows = [made.row(f"第{number}问？", "答。", number) for number in range(120)]
    with pytest.raises(IncompleteRun, match="120 of 120 rows"):
        semantic(server).build(context(tmp_path)).sketch(rows, tmp_path / "00000.sketch")
    assert not (tmp_path / "00000.sketch").exists()


def test_a_small_set_without_vectors_is_incomplete_and_a_rerun_goes_on(tmp_path: Path, loopback: Start) -> None:
    server = loopback(faults=lambda body, seen: "500")
    with pytest.raises(IncompleteRun, match=r"3 of 3 rows have no embedding \(.*HTTP 500.*run the same command again"):
        ruled(tmp_path, semantic(server, similarity=0.9), [ROWS])
    server.faults = None
    assert ruled(tmp_path, semantic(server, similarity=0.9), [ROWS])[0] == {"made/2": "of made/1"}


def failing_rows(count: int, bad: int) -> list[Any]:
    return [made.row(f"第{number}问？", "坏" if number < bad else f"答{number}。", number) for number in range(count)]


def refusing(body: dict[str, Any], seen: int) -> Any:
    return "400" if "坏" in body["messages"][-1]["content"] else None


def test_few_rows_without_a_vector_stay_and_are_told(tmp_path: Path, loopback: Start) -> None:
    server = loopback(faults=refusing)
    found, notes = ruled(tmp_path, semantic(server, similarity=1.0), [failing_rows(200, 2)])
    assert not {"made/0", "made/1"} & set(found)
    assert notes[0].startswith("2 rows have no embedding and stay: HTTP 400")


def test_many_rows_without_a_vector_end_the_work_and_only_they_are_asked_about_again(tmp_path: Path, loopback: Start) -> None:
    server = loopback(faults=refusing)
    step = semantic(server, similarity=1.0, batch=16).build(context(tmp_path))
    path = tmp_path / "00000.sketch"
    step.sketch(failing_rows(60, 4), path)
    with pytest.raises(IncompleteRun, match="4 of 60 rows"):
        list(step.decide([path]))
    server.faults = None
    server.requests.clear()
    assert [sorted(dropping) for dropping in step.decide([path])] == [[]]
    assert [len(body["input"]) for body in server.requests] == [4]
    assert columns.Columns(path).read("got").all()


def test_another_length_of_vectors_under_the_same_name_is_an_error(tmp_path: Path, loopback: Start) -> None:
    store, model = Vectors(tmp_path / "store.sqlite"), EndpointModel(endpoint(loopback()), 8)
    embedded(["茶"], model, store)
    other = type("Other", (), {"name": model.name, "embed": lambda self, texts: ([np.ones(3)] * len(texts), "")})()
    with pytest.raises(DataError, match="vectors of 3 and 64 numbers"):
        embedded(["茶", "水"], other, store)


def test_the_key_is_sent_and_stands_in_no_sketch_store_or_error(
    tmp_path: Path, loopback: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_EMBEDDINGS_API_KEY", KEY)
    server = loopback()
    monkeypatch.setenv("HARNESS_EMBEDDINGS_BASE_URL", server.base_url)
    given = SemanticDuplicates.model_validate({"use": "semantic_duplicates", "model": "m", "max_retries": 0})
    ruled(tmp_path, given, [ROWS])
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(KEY.encode() in data for data in written)
    assert KEY not in given.model_dump_json() + given.identity(context(tmp_path))


def test_without_an_endpoint_the_error_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="set HARNESS_EMBEDDINGS_BASE_URL"):
        semantic(model="m").identity(context(tmp_path))


@pytest.mark.parametrize("given", [{}, {"model": "m", "folder": "f"}])
def test_either_a_model_or_a_folder_is_named(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="name either 'model'"):
        semantic(**given)


def test_empty_sets_and_shards_drop_nothing(tmp_path: Path, loopback: Start) -> None:
    given = semantic(loopback(), similarity=0.9)
    assert ruled(tmp_path, given, []) == ({}, [])
    assert ruled(tmp_path, given, [[], ROWS[:2], []])[0] == {"made/2": "of made/1"}


@pytest.mark.parametrize("size", [1, 2, 30])
def test_how_rows_lie_in_shards_makes_no_difference(tmp_path: Path, loopback: Start, size: int) -> None:
    rows = [made.row(one["instruction"], one["output"], number) for number, one in enumerate(made.alpaca(30))]
    given = semantic(loopback(), similarity=0.8)
    shards = [rows[i : i + size] for i in range(0, len(rows), size)]
    assert ruled(tmp_path, given, shards)[0] == ruled(tmp_path, given, [rows])[0]


def sketched(folder: Path, vectors: Any, size: int) -> list[columns.Columns]:
    shards = []
    for start in range(0, len(vectors), size):
        part = vectors[start : start + size]
        path = folder / f"{start}.sketch"
        columns.write(path, {"vectors": part.astype(np.float16), "got": np.ones(len(part), bool)})
        shards.append(columns.Columns(path))
    return shards


def test_k_means_and_blocks_find_planted_pairs_and_the_same_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    topics = draw.normal(size=(12, 32))
    vectors = topics[draw.integers(0, 12, 1200)] + 0.5 * draw.normal(size=(1200, 32))
    vectors = np.concatenate([vectors, vectors[:200] + 0.02 * draw.normal(size=(200, 32))])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    monkeypatch.setattr(meaning, "BLOCK", 64)
    everything = np.ones(1400, bool)
    exact = meaning.alike(sketched(tmp_path, vectors, 300), everything, 0.99, tmp_path, 1).kept()
    assert (exact[1200:] == np.arange(200)).all()
    monkeypatch.setattr(meaning, "EXACT", 100)
    monkeypatch.setattr(meaning, "GROUP", 150)
    grouped = meaning.alike(sketched(tmp_path, vectors, 300), everything, 0.99, tmp_path, 1).kept()
    again = meaning.alike(sketched(tmp_path, vectors, 300), everything, 0.99, tmp_path, 1).kept()
    assert (grouped[1200:] == exact[1200:]).mean() > 0.97
    assert ((grouped == exact) | (grouped == np.arange(1400))).all()
    assert (grouped == again).all()
    assert not (tmp_path / meaning.ORDERED).exists()


@STEADY
@given(st.binary(max_size=60), st.integers(0, 3))
def test_no_body_of_any_server_raises(body: bytes, wanted: int) -> None:
    assert read_embeddings(body, wanted).error


BODIES: list[tuple[object, str]] = [
    ({"data": [{"index": 0, "embedding": [1, 2]}]}, "1 embeddings for 2 texts"),
    ({"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}, "of different lengths"),
    ({"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}]}, "2 embeddings for 2 texts"),
    ({"data": [{"index": 0, "embedding": ["a"]}, {"index": 1, "embedding": [1]}]}, "embedding 0 is no list of numbers"),
    ({"data": [{"index": 0, "embedding": [0, 0]}, {"index": 1, "embedding": [1, 2]}]}, "embedding 0 is no list of numbers"),
    ({"error": {"message": "busy"}}, "busy"),
    ([], "not a list of embeddings"),
]


@pytest.mark.parametrize(("body", "what"), BODIES, ids=[what for _, what in BODIES])
def test_a_body_without_one_vector_for_each_text_is_an_error(body: object, what: str) -> None:
    reply = read_embeddings(json.dumps(body).encode(), 2)
    assert what in (reply.error or "")
    assert reply.vectors == ()


def test_a_folder_with_an_encoder_does_without_a_server(tmp_path: Path, tiny_model: Path) -> None:
    given = semantic(folder=str(tiny_model), similarity=0.999)
    rows = [*ROWS, made.row("茶怎么泡？", "先把水烧开，再放茶叶，等三分钟就好。", 4)]
    found, _ = ruled(tmp_path, given, [rows])
    assert found["made/4"] == "of made/1"


def test_the_vectors_of_a_folder_do_not_depend_on_the_batch(tiny_model: Path) -> None:
    texts = ["茶。", "石桥在河边，已经有一百年了。", "面条", "火车站的月亮"] * 2
    alone, together = (FolderModel(tiny_model, batch).embed(texts)[0] for batch in (1, 8))
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one, other, atol=1e-4)


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no \\*.safetensors"):
        semantic(folder=str(tmp_path)).identity(context(tmp_path))


def test_something_else_in_the_place_of_the_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(random.Random(0).randbytes(4096))
    with pytest.raises(DataError, match=r"store.sqlite: no usable store of embeddings"):
        Vectors(path)


def test_in_a_pipeline_a_dead_endpoint_is_exit_3_and_the_same_command_goes_on(
    tmp_path: Path, loopback: Start, cli: Callable[..., Any]
) -> None:
    server = loopback(faults=lambda body, seen: "500")
    source = made.jsonl(tmp_path / "source.jsonl", made.alpaca(40))
    step = f'use = "semantic_duplicates"\nmodel = "m"\nbase_url = "{server.base_url}"\nmax_retries = 0'
    toml = made.pipeline(tmp_path / "p.toml", source, [step])
    words = ("curate", str(toml), "--out", str(tmp_path / "out"), "--workers", "1", "--json")
    done = cli(*words)
    assert done.code == 3
    assert "have no embedding" in done.err
    server.faults = None
    done = cli(*words)
    assert done.code == 0, done.err
