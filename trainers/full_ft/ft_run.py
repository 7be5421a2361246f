"""Recipe -> trained model folder and `delivery.json`: the whole of one process's work, in the order of the steps.

rows ─encode─> lengths ─plan─> packs ─Trainer─> weights ─> out/ (whole, by rename) ─> delivery.json (last, by rename)
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import torch
from ft_chat import Encoded, TemplateError, encode_all, end_of_turn
from ft_engine import Setting, arguments, keep_fsdp, prepare_deepspeed, setting, sum_in_fp32
from ft_fault import Fault, Stopped
from ft_freeze import check_frozen, freeze, tables
from ft_memory import free_memory, layers_to_recompute, sizes
from ft_plan import Plan, make_plan
from ft_recipe import Recipe, rows
from ft_recompute import layers_of
from ft_report import Measured, Trained, peak_flops, peak_memory, report, work_of
from ft_resume import Found, newest, recipe_digest, rows_digest
from ft_session import ResumableTrainer, Session, largest, together
from ft_text import encode_texts, ends
from ft_trainer import shape
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, TrainingArguments
from transformers.utils import logging

DELIVERY: Final = "delivery.json"
STARTS: Final = "starts.jsonl"
SHARD: Final = "5GB"
"""Size of one safetensors file at most."""
COPIED: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
)
"""Files of the base that training does not change."""


@dataclasses.dataclass(frozen=True)
class Work:
    """All that is decided before the model is loaded."""

    recipe: Recipe
    here: Setting
    plan: Plan
    encoded: Sequence[Encoded]
    counts: dict[str, int]
    world: int
    found: Found | None
    digests: tuple[str, str]
    """Of the recipe, and of the rows behind each step."""
    ends: tuple[int, ...]
    """Tokens that end an answer, as the chat template writes them, or a text."""

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(row) for row in self.encoded]


def run(recipe: Recipe) -> None:
    """Trains and delivers, in this process or as one of several.

    Raises:
        Fault: what went wrong.
        Stopped: SIGTERM came.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    here = setting(recipe.hyper)
    if here.hyper.zero_stage:
        prepare_deepspeed(here)
    work = prepared(recipe, here)
    _started(work)
    trainer, session = made(work)
    session.listen()
    trainer.train(resume_from_checkpoint=str(work.found.folder) if work.found else None)
    if session.stopped:
        raise Stopped
    deliver(work, trainer, session)


def prepared(recipe: Recipe, here: Setting) -> Work:
    """Rows encoded and laid into packs, and the checkpoint to go on from.

    Raises:
        Fault: `template`, `data`.
    """
    tokenizer = AutoTokenizer.from_pretrained(recipe.base, local_files_only=True, trust_remote_code=False)
    encoded, counts, stops = _encoded(recipe, tokenizer, here.hyper.max_length)
    if not encoded:
        raise Fault("data", f"{recipe.rows}: no row has a token to learn within max_length {here.hyper.max_length} ({counts})")
    lengths = [len(row) for row in encoded]
    world = int(os.environ.get("WORLD_SIZE", "1"))
    plan = make_plan(
        lengths,
        instances_per_step=here.hyper.instances_per_step,
        epochs=here.hyper.epochs,
        seed=recipe.seed,
        world=world,
        token_cap=here.hyper.tokens_per_micro_step,
        packing=here.hyper.packing,
    )
    digests = recipe_digest(recipe), rows_digest(plan, lengths)
    return Work(recipe, here, plan, encoded, counts, world, newest(recipe.work_folder, *digests), digests, stops)


def _encoded(recipe: Recipe, tokenizer: Any, max_length: int) -> tuple[list[Encoded], dict[str, int], tuple[int, ...]]:
    """Conversations, then plain texts; what was counted; the tokens that a trained model stops at."""
    every = rows(recipe)
    talks = [row["messages"] for row in every if "messages" in row]
    texts = [row["text"] for row in every if "messages" not in row]
    encoded: list[Encoded] = []
    counts: dict[str, int] = {}
    stops: tuple[int, ...] = ()
    if talks:
        try:
            encoded, counts = encode_all(tokenizer, talks, max_length)
            stops = end_of_turn(tokenizer)
        except TemplateError as error:
            raise Fault("template", f"{recipe.base}: {error}") from None
    if texts:
        pieces, counted = encode_texts(tokenizer, texts, max_length)
        encoded += pieces
        counts |= {name: counts.get(name, 0) + number for name, number in counted.items()}
        stops = tuple(dict.fromkeys((*stops, ends(tokenizer)[1])))
    return encoded, counts, stops


def made(work: Work) -> tuple[ResumableTrainer, Session]:
    """The Trainer around the loaded model.

    Raises:
        Fault: `recipe` if the base is not a causal language model, or one that cannot be packed.
    """
    recipe, here = work.recipe, work.here
    mark = work.found.mark if work.found else None
    config = AutoConfig.from_pretrained(recipe.base, local_files_only=True, trust_remote_code=False)
    # Before the model: with ZeRO-3 the weights are shared out while they are loaded, and transformers must know by then.
    universal = mark is not None and here.hyper.zero_stage > 0 and mark.world != work.world
    args = TrainingArguments(**shape(work.plan), **arguments(recipe, here, work.plan.steps, _layers(config), universal=universal))
    if here.hyper.distributed == "fsdp2" and not here.cuda:
        keep_fsdp()
    layers = _recomputed(work, config)
    model = AutoModelForCausalLM.from_pretrained(
        recipe.base, dtype=getattr(torch, here.dtype), local_files_only=True, trust_remote_code=False
    )
    if here.hyper.trainable == "embeddings":
        freeze(model, Path(recipe.base))
    session = Session(recipe.work_folder, here.hyper, step_tokens(work), saves(work.plan, here.hyper.save_steps), mark)
    try:
        trainer = ResumableTrainer(
            model=model,
            args=args,
            plan=work.plan,
            rows=work.encoded,
            recompute_layers=layers,
            split_master=here.hyper.precision == "bf16-master" and here.hyper.distributed in {"none", "ddp"},
            session=session,
            work=recipe.work_folder,
            recipe_digest=work.digests[0],
            rows_digest=work.digests[1],
        )
    except ValueError as error:
        raise Fault("recipe", f"{recipe.base} cannot be trained so: {error}") from error
    if here.hyper.distributed == "fsdp2" and here.autocast:
        sum_in_fp32(trainer.accelerator)
    if here.hyper.compile:
        for layer in layers_of(model):
            layer.compile(dynamic=True)
    return trainer, session


def saves(plan: Plan, every: int) -> frozenset[int]:
    """Steps after which a checkpoint is kept: the end of every epoch, or every so many steps and the last."""
    return frozenset(plan.epoch_ends) if every == 0 else frozenset((*range(every, plan.steps, every), plan.steps))


def step_tokens(work: Work) -> list[int]:
    """Real tokens trained on by the end of each optimizer step."""
    lengths = work.lengths
    return list(
        accumulate(sum(lengths[row] for pack in work.plan.of_step(step) for row in pack) for step in range(work.plan.steps))
    )


def deliver(work: Work, trainer: ResumableTrainer, session: Session) -> None:
    """The model folder, then the report: each appears whole or not at all."""
    seconds, first = session.seconds, trainer.is_world_process_zero()
    before = session.before.peak_memory_bytes if session.before else 0
    peak = max(before, largest(peak_memory()))
    needed = work_of(trainer.accelerator.unwrap_model(trainer.model))
    state = _whole_state(trainer)
    if work.here.kept != work.here.dtype and state is not None:
        state = {name: tensor.to(getattr(torch, work.here.kept)) for name, tensor in state.items()}
    if first:
        put(work, trainer.accelerator.unwrap_model(trainer.model), state)
        lengths = work.lengths
        taken = [row for pack in work.plan.packs for row in pack]
        trained = Trained(
            steps=work.plan.steps,
            rows=len(set(taken)),
            lengths=[lengths[row] for row in taken],
            supervised=sum(work.encoded[row].supervised for row in taken),
            padding_share=work.plan.padding_share,
            processes=work.world,
        )
        measured = Measured(seconds, session.first_loss, session.final_loss, peak, session.engine, resumed(work))
        _last_word(work, report(trained, measured, needed, _peak()))
    together()


def put(work: Work, model: Any, state: dict[str, Any] | None) -> None:
    """Writes the model folder beside its place and renames it.

    Configuration and tokenizer are the base's own files: training changes no more of them than the type of the weights and the
    tokens that end an answer.
    """
    base, out = Path(work.recipe.base), Path(work.recipe.out)
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    model.save_pretrained(part, state_dict=state, max_shard_size=SHARD)
    for name in COPIED:
        if (base / name).is_file():
            shutil.copyfile(base / name, part / name)
    said = json.loads((base / "config.json").read_bytes())
    said.pop("auto_map", None)
    keys = [key for key in ("dtype", "torch_dtype") if key in said] or ["dtype"]
    _write(part / "config.json", said | dict.fromkeys(keys, work.here.kept))
    _write(part / "generation_config.json", _generation(part / "generation_config.json", work.ends))
    if work.here.hyper.trainable == "embeddings":
        check_frozen(part, base, tables(model), getattr(torch, work.here.kept))
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)


def _generation(file: Path, ends: Sequence[int]) -> dict[str, Any]:
    """The base's generation settings, and that the model stops where it was taught to: a base model may know other ends."""
    said = json.loads(file.read_bytes()) if file.is_file() else {}
    known = said.get("eos_token_id") or []
    stops = list(dict.fromkeys([*(known if isinstance(known, list) else [known]), *ends]))
    return said | {"eos_token_id": stops[0] if len(stops) == 1 else stops}


def resumed(work: Work) -> int:
    """Times this run went on from a checkpoint."""
    try:
        lines = (work.recipe.work_folder / STARTS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    return sum(start["step"] > 0 for start in map(json.loads, lines) if start["recipe"] == work.digests[0])


def _started(work: Work) -> None:
    if int(os.environ.get("RANK", "0")) == 0:
        with (work.recipe.work_folder / STARTS).open("a", encoding="utf-8") as starts:
            starts.write(json.dumps({"step": work.found.mark.step if work.found else 0, "recipe": work.digests[0]}) + "\n")


def _layers(config: Any) -> tuple[str, ...]:
    """Names of the classes of the model's layers."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise Fault("recipe", f"a {config.model_type} is not a causal language model that transformers knows")
    return tuple(getattr(MODEL_FOR_CAUSAL_LM_MAPPING[type(config)], "_no_split_modules", None) or ())


def _recomputed(work: Work, config: Any) -> int:
    """Layers to recompute."""
    wanted = work.here.hyper.recompute_layers
    if wanted != "auto":
        return int(config.num_hidden_layers) if wanted == "all" else int(wanted)
    tokens = max(sum(work.lengths[row] for row in pack) for pack in work.plan.packs)
    return layers_to_recompute(sizes(config), work.here.hyper, tokens, work.world, free_memory())


def _whole_state(trainer: ResumableTrainer) -> dict[str, Any] | None:
    """Weights that are shared out, gathered on the first process; all processes must ask. None where each has them whole."""
    if trainer.is_deepspeed_enabled:
        return dict(trainer.accelerator.get_state_dict(trainer.deepspeed) or {})
    if trainer.is_fsdp_enabled:
        return dict(trainer.accelerator.get_state_dict(trainer.model) or {})
    return None


def _last_word(work: Work, said: dict[str, Any]) -> None:
    delivery = {"report": said, "versions": versions(work.here), "notes": [*work.here.notes, *_of_texts(work)]}
    part = work.recipe.work_folder / f"{DELIVERY}.part"
    _write(part, delivery)
    part.replace(work.recipe.work_folder / DELIVERY)


def _of_texts(work: Work) -> list[str]:
    """What became of plain texts."""
    if not work.counts.get("cut"):
        return []
    texts, pieces, cut = (work.counts[name] for name in ("texts", "pieces", "cut"))
    return [f"{cut} of {texts} texts are longer than {work.here.hyper.max_length} tokens: {pieces} pieces, none lost"]


def versions(here: Setting) -> dict[str, str]:
    """Package -> version, of those that decide the numbers."""
    packages = [
        "torch",
        "transformers",
        "accelerate",
        "tokenizers",
        "safetensors",
        *(["deepspeed"] if here.hyper.zero_stage else []),
    ]
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | ({"device": torch.cuda.get_device_name()} if here.cuda else {})


def _peak() -> float | None:
    return peak_flops(torch.cuda.get_device_name()) if torch.cuda.is_available() else None


def _write(file: Path, said: dict[str, Any]) -> None:
    with file.open("w", encoding="utf-8") as out:
        json.dump(said, out, ensure_ascii=False, indent=2)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
