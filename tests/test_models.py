from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import DataError, HarnessError, ModelError, UsageError
from harness.models import list_models, resolve
from tests.runs.made import finished


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder and an empty user configuration."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


def register(name: str, **said: object) -> Path:
    folder = checkpoint(Path("checkpoints") / name)
    (folder / "checkpoint.json").write_text(json.dumps({"name": name, **said}))
    return folder


def config(text: str, path: str = "models.toml") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def refused(spec: str, kind: type[HarnessError], **options: object) -> str:
    with pytest.raises(kind) as caught:
        resolve(spec, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_shipped_alias_is_a_hub_id_with_its_stage() -> None:
    ref = resolve("llama3-8b")
    assert (ref.name, ref.backend, ref.source, ref.stage) == ("llama3-8b", "hf", "meta-llama/Meta-Llama-3-8B", "base")
    assert ref.args == {"dtype": "auto"}


def test_backend_turns_a_local_alias_to_vllm() -> None:
    assert resolve("llama3-8b", backend="vllm").backend == "vllm"


def test_an_adapted_model_without_a_checkpoint_says_how_to_get_one() -> None:
    said = refused("llama3-8b-safe", ModelError)
    assert "fine-tune one into" in said
    assert '[llama3-8b-safe] path = "…"' in said


def test_an_adapted_model_resolves_to_its_registered_checkpoint_and_keeps_its_lineage() -> None:
    folder = register("llama3-8b-safe")
    ref = resolve("llama3-8b-safe")
    assert ref.source == str(folder.resolve())
    assert (ref.name, ref.parent, ref.stage) == ("llama3-8b-safe", "llama3-8b-kg", "safety")


def test_the_checkpoints_folder_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "elsewhere"))
    folder = checkpoint(tmp_path / "elsewhere" / "mine")
    (folder / "checkpoint.json").write_text('{"parent": "llama3-8b", "stage": "knowledge"}')
    ref = resolve("mine")
    assert (ref.source, ref.parent, ref.stage) == (str(folder), "llama3-8b", "knowledge")


def test_a_checkpoint_may_keep_its_weights_elsewhere() -> None:
    weights = checkpoint(Path("big-disk") / "weights")
    register("mine", path="../../big-disk/weights")
    assert resolve("mine").source == str(weights.resolve())
    assert resolve("mine").name == "mine"


def test_a_checkpoint_folder_given_as_a_path_keeps_its_registered_lineage() -> None:
    register("mine", parent="llama3-8b", stage="knowledge")
    assert resolve("checkpoints/mine").parent == "llama3-8b"


@pytest.mark.parametrize("text", ["{", "[]", '{"path": 3}', '{"stage": "done"}'])
def test_a_broken_checkpoint_description_is_named(text: str) -> None:
    folder = register("mine")
    (folder / "checkpoint.json").write_text(text)
    assert "checkpoint.json: " in refused("mine", DataError)


def test_a_demo_model_knows_how_it_is_built_and_lies_in_the_cache(tmp_path: Path) -> None:
    ref = resolve("demo-en")
    assert ref.source == str(tmp_path / "cache" / "models" / "demo-en")
    assert ref.build == "harness.demo.pretrain:ensure"


def test_every_shipped_build_names_a_function_that_exists() -> None:
    import importlib

    for model in list_models():
        if model.kind == "build":
            module, _, function = (resolve(model.name).build or "").partition(":")
            assert callable(getattr(importlib.import_module(module), function))


def test_a_local_folder_is_loaded_by_hf_unless_told_otherwise() -> None:
    folder = checkpoint(Path("mine"))
    assert resolve("mine").backend == "hf"
    assert resolve("./mine", backend="vllm").backend == "vllm"
    assert resolve("vllm:mine").source == str(folder.resolve())


def test_an_alias_wins_over_a_folder_of_its_name_and_a_dot_says_the_folder() -> None:
    folder = checkpoint(Path("llama3-8b"))
    assert resolve("llama3-8b").source == "meta-llama/Meta-Llama-3-8B"
    assert resolve("./llama3-8b").source == str(folder.resolve())


def test_a_folder_with_a_name_that_says_nothing_takes_its_parents_too() -> None:
    checkpoint(Path("zh-kg/checkpoint-500"))
    assert resolve("zh-kg/checkpoint-500").name == "zh-kg-checkpoint-500"


@pytest.mark.parametrize(
    ("remove", "add", "said"),
    [
        ("config.json", None, "it has no config.json"),
        ("model.safetensors", None, r"it has no *.safetensors"),
        ("model.safetensors", "pytorch_model.bin", "convert them to safetensors"),
        ("tokenizer.json", None, "it has no tokenizer"),
        ("config.json", "adapter_config.json", "it is an adapter"),
    ],
)
def test_a_folder_that_cannot_be_loaded_says_what_is_missing(remove: str, add: str | None, said: str) -> None:
    folder = checkpoint(Path("mine"))
    (folder / remove).unlink()
    if add:
        (folder / add).write_text("{}")
    assert said in refused("mine", ModelError)


def test_a_path_that_does_not_exist_shows_what_lies_beside_it() -> None:
    checkpoint(Path("models/kg"))
    assert refused("models/kgg", UsageError) == "there is no folder 'models/kgg'; 'models' holds: kg"
    assert "there is no folder '/nowhere/x' (nor '/nowhere')" in refused("/nowhere/x", UsageError)


def test_a_hub_id_may_carry_a_revision() -> None:
    ref = resolve("org/name-7B@v1.0")
    assert (ref.name, ref.source, ref.args) == ("name-7B", "org/name-7B", {"dtype": "auto", "revision": "v1.0"})
    assert resolve("vllm:org/name").backend == "vllm"


def test_an_unknown_name_gets_near_ones_and_the_other_ways_to_name_a_model() -> None:
    said = refused("lama3-8b", UsageError)
    assert said.startswith("no model named 'lama3-8b'; did you mean llama3-8b")
    assert "demo-en" in said
    assert "a hub id org/name, openai:NAME" in said


def test_an_unknown_name_with_a_server_gets_the_spelling_for_servers() -> None:
    assert refused("qwen", UsageError, base_url="http://localhost:8000/v1").endswith("say openai:qwen")


@pytest.mark.parametrize("url", ["http://h:8/v1", "http://h:8/v1/", "http://h:8", "http://h:8/v1/chat/completions"])
def test_the_spellings_of_one_server_are_one(url: str) -> None:
    by_url, by_flag = resolve(f"{url}#qwen"), resolve("openai:qwen", base_url=url)
    assert by_url == by_flag
    assert (by_url.backend, by_url.name, by_url.source) == ("openai", "qwen", "http://h:8/v1")
    assert by_url.args == {"model": "qwen"}


def test_the_server_of_a_name_comes_from_flag_then_our_variable_then_the_common_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--base-url" in refused("openai:qwen", UsageError)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://common/v1")
    assert resolve("openai:qwen").source == "http://common/v1"
    monkeypatch.setenv("HARNESS_MODEL_BASE_URL", "http://ours/v1")
    assert resolve("openai:qwen").source == "http://ours/v1"
    assert resolve("openai:qwen", base_url="http://flag/v1").source == "http://flag/v1"


def test_a_server_setting_in_the_environment_does_not_disturb_a_local_model() -> None:
    assert resolve("llama3-8b", base_url="http://localhost:8000/v1").backend == "hf"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("http://h/v1", "does not say which model of that server: http://h/v1#NAME"),
        ("http://me:pw@h/v1#m", "keys come from OPENAI_API_KEY"),
        ("http://h/v1?key=abc#m", "keys come from OPENAI_API_KEY"),
        ("hf:nothing", "neither a folder nor a hub id"),
        ("replay:gone.jsonl", "no file 'gone.jsonl' to replay"),
        ("replay:gone", "no run named 'gone'"),
        ("", "no model named ''"),
    ],
)
def test_what_cannot_be_a_model_says_why(spec: str, said: str) -> None:
    text = refused(spec, UsageError)
    assert said in text
    assert "pw" not in text
    assert "abc" not in text


@pytest.mark.parametrize(("spec", "backend"), [("hf:org/name", "vllm"), ("openai:m", "hf"), ("http://h/v1#m", "vllm")])
def test_a_prefix_and_a_backend_that_contradict_are_refused(spec: str, backend: str) -> None:
    assert "contradict" in refused(spec, UsageError, backend=backend)


def test_a_run_is_replayed_under_the_name_of_its_model(tmp_path: Path) -> None:
    finished(tmp_path / "runs", "tiny-1")
    ref = resolve("replay:tiny-1")
    assert (ref.backend, ref.name, ref.source) == ("replay", "tiny", str(tmp_path / "runs" / "tiny-1"))
    assert resolve("replay:latest").source == ref.source
    assert resolve("tiny-1", backend="replay") == ref


def test_a_run_to_replay_is_looked_for_in_the_runs_folder_given(tmp_path: Path) -> None:
    finished(tmp_path / "other", "tiny-1")
    assert resolve("replay:tiny-1", runs=tmp_path / "other").source == str(tmp_path / "other" / "tiny-1")


def test_a_jsonl_is_replayed_under_its_own_name() -> None:
    Path("my answers.jsonl").write_text("")
    ref = resolve("replay:my answers.jsonl")
    assert (ref.backend, ref.name, ref.source) == ("replay", "my-answers", str(Path("my answers.jsonl").resolve()))


def test_later_files_win_and_a_new_place_keeps_the_lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkpoint(Path("mine"))
    config('[llama3-8b-safe]\nhub = "user/one"\nargs = {dtype = "float16"}', f"{tmp_path}/config/culture-harness/models.toml")
    assert resolve("llama3-8b-safe").source == "user/one"
    assert resolve("llama3-8b-safe").args == {"dtype": "float16"}
    config('[llama3-8b-safe]\npath = "mine"')
    ref = resolve("llama3-8b-safe")
    assert (ref.source, ref.parent, ref.stage, ref.args) == (str(folder.resolve()), "llama3-8b-kg", "safety", {"dtype": "auto"})
    config('[llama3-8b-safe]\nhub = "env/four"', f"{tmp_path}/extra.toml")
    monkeypatch.setenv("HARNESS_MODELS", f"{tmp_path}/extra.toml")
    assert resolve("llama3-8b-safe").source == "env/four"


def test_a_later_file_may_only_add_arguments() -> None:
    config('[llama3-8b]\nargs = {dtype = "bfloat16", max_length = 4096}')
    ref = resolve("llama3-8b", model_args={"dtype": "float32"})
    assert ref.source == "meta-llama/Meta-Llama-3-8B"
    assert ref.args == {"dtype": "float32", "max_length": 4096}


def test_a_path_in_a_file_is_relative_to_that_file(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "config" / "culture-harness" / "weights")
    config('[mine]\npath = "weights"', f"{tmp_path}/config/culture-harness/models.toml")
    assert resolve("mine").source == str(folder)


def test_an_alias_may_be_an_endpoint() -> None:
    config('[judge-72b]\nendpoint = "http://h:8/v1/"\nmodel = "Qwen2.5-72B"')
    ref = resolve("judge-72b")
    assert (ref.name, ref.backend, ref.source, ref.args) == ("judge-72b", "openai", "http://h:8/v1", {"model": "Qwen2.5-72B"})
    assert "contradicts" in refused("judge-72b", UsageError, backend="hf")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[m", "is not TOML"),
        ('hub = "a/b"', "'hub' stands outside any table"),
        ("[m]", "[m] has no place; give exactly one of hub, path, checkpoint, endpoint"),
        ('[m]\nhub = "a/b"\npath = "c"', "[m] has hub and path at once"),
        ('[m]\nhub = "a/b"\nstag = "base"', "[m] stag: Extra inputs are not permitted; known are hub"),
        (
            '[m]\nhub = "a/b"\nstage = "final"',
            "[m] stage: Input should be 'base', 'vocabulary', 'knowledge', 'safety' or 'mixed'",
        ),
        ('["a/b"]\nhub = "a/b"', "'a/b' cannot name a model"),
        ('[m]\nhub = "no id"', "'no id' is not a hub id"),
        ('[m]\nbuild = "os:abort"', "names code to run"),
        ('[m]\nhub = "a/b"\nargs = {trust_remote_code = true}', "trust_remote_code is refused"),
    ],
)
def test_a_models_file_that_is_wrong_says_where(text: str, said: str) -> None:
    config(text)
    assert said in refused("m", HarnessError)


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "x"',
        'args = {api_key = "x"}',
        'args = {hf_token = "x"}',
        'args = {header = {Authorization = "x"}}',
        'args = {note = "sk-abcdefghijklmnop1234"}',
        'about = "hf_abcdefghijklmnopqrstuvwx"',
    ],
)
def test_a_secret_in_a_models_file_is_refused_without_repeating_it(line: str) -> None:
    config(f'[m]\nhub = "a/b"\n{line}')
    said = refused("m", DataError)
    assert "keys and tokens come from the environment" in said
    assert "abcdef" not in said


@pytest.mark.parametrize("name", ["tokenizer", "think_end_token", "max_tokens", "add_bos_token", "max_gen_toks", "keyword"])
def test_arguments_that_only_sound_like_secrets_are_taken(name: str) -> None:
    assert resolve("org/name", model_args={name: "x"}).args[name] == "x"


def test_secrets_and_foreign_code_on_the_command_line_are_refused() -> None:
    assert "OPENAI_API_KEY" in refused("org/name", UsageError, model_args={"api_key": "x"})
    assert "would run code" in refused("org/name", UsageError, model_args={"trust_remote_code": True})
    assert "trust_remote_code" not in resolve("org/name", model_args={"trust_remote_code": False}).args


def test_an_argument_cannot_swap_the_model_behind_its_name() -> None:
    assert "--model" in refused("org/name", UsageError, model_args={"pretrained": "other/one"})


def test_a_models_variable_that_names_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_MODELS", "gone.toml")
    assert "HARNESS_MODELS names 'gone.toml'" in refused("llama3-8b", UsageError)


def test_the_list_of_models_says_which_are_ready() -> None:
    register("llama3-8b-kg")
    register("mine", parent="demo-en", stage="knowledge")
    found = {model.name: model for model in list_models()}
    assert found["llama3-8b-kg"].ready
    assert found["llama3-8b-safe"].ready is False
    assert found["llama3-8b"].ready is None
    assert found["demo-en"].ready is False
    assert (found["mine"].kind, found["mine"].ready, found["mine"].parent) == ("checkpoint", True, "demo-en")
    assert list(found) == sorted(found)
