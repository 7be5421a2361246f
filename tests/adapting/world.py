"""Abilities -> runs, diagnoses, mixes and checkpoints on disk: the five verbs of an adaptation, in milliseconds.

A model is a table of abilities, task -> share 0-1, kept beside its checkpoint. Every item has a fixed difficulty, and a model is right
where its ability is above it, so models agree as far as their abilities do. Training raises what the mix is for and costs what it
does not replay. All of it lies on disk as the real verbs leave it, so that another process can go on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.adapting.verbs import Verbs
from harness.runs import RunFolder, load_run, read_samples
from harness.schema import (
    Checkpoint,
    Culture,
    CultureBenchmark,
    Diagnosis,
    Finding,
    Hyper,
    Mix,
    ModelRef,
    Recipe,
    Response,
    Retained,
    RunRecord,
    Sample,
    SampleResult,
    Share,
    StagePlan,
    TrainingReport,
    Verdict,
    VerdictState,
)
from harness.stats.aggregate import aggregate
from harness.stats.intervals import rate_interval
from tests.runs.made import coverage, provenance, record

KINDS = {
    "demo_tu": "acc",
    "demo_ie": "acc",
    "demo_mcq_di": "acc",
    "demo_risk_di": "risk",
    "demo_benign_di": "answered",
    "demo_en": "acc",
}
"""Task -> what its samples measure."""
BASE = {"demo_tu": 0.15, "demo_ie": 0.9, "demo_mcq_di": 0.1, "demo_risk_di": 0.05, "demo_benign_di": 1.0, "demo_en": 0.95}
STANDARDS = {"demo_tu": 0.7, "demo_ie": 0.6, "demo_mcq_di": 0.7, "demo_risk_di": 0.7, "demo_benign_di": 0.6}
AREAS = {
    "demo_tu": "demo_skills/TU",
    "demo_ie": "demo_skills/IE",
    "demo_mcq_di": "demo_mcq/DI",
    "demo_risk_di": "demo_risk/DI",
    "demo_benign_di": "demo_benign/DI",
}
ITEMS = 120
"""Of each task; every second one is of the dev half."""


class Killed(BaseException):
    """The process ended here."""


def culture(**changes: Any) -> Culture:
    """Two stages, four benchmarks of one or two areas, English retained."""
    benchmarks = {
        "demo_skills": CultureBenchmark(stage="knowledge", standards={"acc": {"TU": 0.7, "IE": 0.6}}),
        "demo_mcq": CultureBenchmark(stage="safety", standards={"acc": {"DI": 0.7}}),
        "demo_risk": CultureBenchmark(stage="safety", standards={"rr_1": {"DI": 0.7}, "hr": {"DI": 0.3}}),
        "demo_benign": CultureBenchmark(stage="safety", standards={"answered": {"DI": 0.6}}),
    }
    fields: dict[str, Any] = {
        "name": "demo",
        "title": "Demo",
        "language": "zh",
        "benchmarks": benchmarks,
        "retained": {"demo_en": Retained(margin=0.08)},
        "stages": {
            "knowledge": StagePlan(recipe="demo-knowledge", rows=1000, replay={"demo_en": 0.3}),
            "safety": StagePlan(
                recipe="demo-safety", rows=500, replay={"demo_en": 0.2, "demo_skills": 0.35, "demo_benign": 0.15}
            ),
        },
        "folder": "/nowhere",
        "digest": "0" * 64,
    }
    return Culture(**{**fields, **changes})


@dataclass
class World:
    """The verbs over a folder, and a log of what was asked of them."""

    root: Path
    base: Mapping[str, float] = field(default_factory=lambda: dict(BASE))
    wanted: Culture = field(default_factory=culture)
    gain: float = 0.8
    """What training adds to the ability of a weak area."""
    noop: bool = False
    """The trainer copies its base."""
    calls: list[str] = field(default_factory=list)
    kill: Callable[[str, str], None] = lambda when, call: None
    """Called with `before` or `after`, and each call."""
    complete: bool = True

    @property
    def verbs(self) -> Verbs:
        """Ready to be chained."""
        return Verbs(self.evaluate, self.culture, self.diagnose, self.mix, self.train)

    def culture(self, name: str) -> Culture:
        assert name == "demo"
        return self.wanted

    def evaluate(self, model: str, tasks: tuple[str, ...], *, fresh: bool = False, runs: Path | None, **more: Any) -> RunRecord:
        name = Path(model).name
        with self._call(f"evaluate {name}{' fresh' if fresh else ''}"):
            stem = f"{name}-all-0a0b0c0d"
            root = runs or self.root / "runs"
            taken = [stem, *(f"{stem}-{n}" for n in range(2, 20))]
            run = next(one for one in taken if not fresh or not (root / one / "record.json").is_file())
            if (root / run / "record.json").is_file():
                return load_run(run, root)
            return self._measure(root, run, name)

    def diagnose(self, run: str, *, culture: str, runs: Path | None) -> Diagnosis:
        with self._call(f"diagnose {run.removesuffix('-all-0a0b0c0d')}"):
            record = load_run(run, runs or self.root / "runs")
            dev = [one for one in read_samples(record, root=runs or self.root / "runs") if one.sample.split == "dev"]
            findings = [
                finding
                for name, benchmark in self.wanted.benchmarks.items()
                for metric, standards in benchmark.standards.items()
                for dimension, standard in standards.items()
                for finding in [self._finding(dev, name, benchmark, metric, dimension, standard)]
            ]
            made = record.provenance.model_fingerprint
            return Diagnosis(
                run=run,
                model=record.model.name,
                model_fingerprint=made,
                culture="demo",
                culture_digest="0" * 64,
                findings=tuple(findings),
            )

    def mix(
        self,
        diagnosis: Diagnosis,
        *,
        stage: Any,
        culture: str,
        rows: int | None,
        replay: Any,
        seed: int,
        mixes: Path | None,
        **more: Any,
    ) -> Mix:
        with self._call(f"mix {stage} for {diagnosis.model}"):
            plan = self.wanted.stages[stage]
            kept = {name: share for name, share in {**plan.replay, **(replay or {})}.items() if share}
            weak = diagnosis.areas("weak", stage)
            shares = [_share(area, "weak", (1 - sum(kept.values())) / len(weak)) for area in weak]
            shares += [_share(name, "replay", share) for name, share in kept.items()]
            name = hashlib.sha256(json.dumps([diagnosis.run, stage, kept, rows, seed]).encode()).hexdigest()[:8]
            made = Mix(
                id=f"{stage}-{name}",
                culture="demo",
                stage=stage,
                model=diagnosis.model,
                diagnosis=diagnosis.run,
                seed=seed,
                rows=rows or plan.rows,
                rows_sha256="1" * 64,
                shares=tuple(shares),
                sources={},
                dropped={},
                checked={},
            )
            return _written((mixes or self.root / "mixes") / made.id / "mix.json", made)

    def train(
        self, base: str, mix: str, *, stage: Any, name: str, mixes: Path | None, checkpoints: Path | None, **more: Any
    ) -> Checkpoint:
        with self._call(f"train {name} from {Path(base).name}"):
            folder = (checkpoints or self.root / "checkpoints") / name
            if (folder / "checkpoint.json").is_file():
                return Checkpoint.model_validate_json((folder / "checkpoint.json").read_bytes())
            what = Mix.model_validate_json(((mixes or self.root / "mixes") / mix / "mix.json").read_bytes())
            abilities = self.abilities(Path(base).name) if self.noop else self._learnt(self.abilities(Path(base).name), what)
            folder.mkdir(parents=True)
            (folder / "abilities.json").write_text(json.dumps(abilities))
            return _written(
                folder / "checkpoint.json",
                _checkpoint(name, Path(base).name, stage, what, abilities, {**more, "of": self.fingerprint(Path(base).name)}),
            )

    def abilities(self, model: str) -> dict[str, float]:
        """What a model can do."""
        file = self.root / "checkpoints" / model / "abilities.json"
        return dict(json.loads(file.read_text())) if file.is_file() else dict(self.base)

    def fingerprint(self, model: str) -> str:
        """What a model is."""
        return f"hf|{json.dumps(self.abilities(model))}"

    def _call(self, call: str) -> Any:
        self.kill("before", call)
        self.calls.append(call)
        return _After(self.kill, call)

    def _learnt(self, abilities: dict[str, float], mix: Mix) -> dict[str, float]:
        taught = {share.area for share in mix.shares}
        for task, area in AREAS.items():
            if area in taught:
                abilities[task] = min(1.0, abilities[task] + self.gain)
        if "demo_en" not in taught:
            abilities["demo_en"] = 0.1
        if mix.stage == "safety" and "demo_benign" not in taught:
            abilities["demo_benign_di"] = 0.05
        return abilities

    def _measure(self, root: Path, run: str, model: str) -> RunRecord:
        abilities = self.abilities(model)
        samples = {task: [_result(task, number, abilities[task]) for number in range(ITEMS)] for task in KINDS}
        with RunFolder.create_or_resume(root, run, {"model": model}) as folder:
            for task, results in samples.items():
                folder.write_samples(task, results)
            scores = [
                score
                for name in (*self.wanted.benchmarks, "demo_en")
                for score in aggregate(name, [r for task, rs in samples.items() if _of(task, name) for r in rs], threshold=90)
            ]
            made = record(
                run,
                model=ModelRef(name=model, backend="hf", source=f"models/{model}"),
                tasks=tuple(sorted(samples)),
                benchmarks=(*self.wanted.benchmarks, "demo_en"),
                scores=tuple(scores),
                coverage=tuple(coverage(task, task, ITEMS) for task in samples),
                complete=self.complete,
                samples=dict(folder.sample_hashes),
                provenance=provenance(model_fingerprint=f"{self.fingerprint(model)}|float32"),
            )
            folder.finish(made)
        return made

    def _finding(
        self, dev: list[SampleResult], name: str, benchmark: CultureBenchmark, metric: str, dimension: str, standard: float
    ) -> Finding:
        mine = [one for one in dev if _of(one.task, name) and one.sample.dimension == dimension]
        values = [one.metrics[metric] for one in mine]
        found, ceiling = rate_interval(int(sum(values)), len(values)), metric == "hr"
        below, above = found.high < standard, found.low >= standard
        weak, strong = (found.low > standard, found.high <= standard) if ceiling else (below, above)
        state: Any = "weak" if weak else "strong" if strong else "undecided"
        value = sum(values) / len(values)
        gap = (value - standard) if ceiling else standard - value
        return Finding(
            benchmark=name,
            metric=metric,
            dimension=dimension,
            stage=benchmark.stage,
            state=state,
            claim=state,
            value=value,
            interval=found,
            standard=standard,
            ceiling=ceiling,
            chance=0,
            gap=gap,
            shortfall=max(0, gap),
            n=len(values),
            needed=None,
        )


@dataclass
class _After:
    """Tells what ends a call that it has done its work."""

    kill: Callable[[str, str], None]
    call: str

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.kill("after", self.call)


def _of(task: str, benchmark: str) -> bool:
    return AREAS.get(task, "demo_en/").startswith(f"{benchmark}/")


def _result(task: str, number: int, ability: float) -> SampleResult:
    """Items of one task are evenly spread over difficulties, in an order that halves share alike."""
    digest = hashlib.sha256(f"{task} {number}".encode()).hexdigest()
    right = float((number // 2 + 0.5) / (ITEMS // 2) < ability)
    kind = KINDS[task]
    metrics = (
        {"acc": right}
        if kind == "acc"
        else {"answered": right}
        if kind == "answered"
        else {"rr_1": right, "rr_2": 0.0, "hr": 0.0}
    )
    dimension = "EN" if task == "demo_en" else AREAS[task].partition("/")[2]
    return SampleResult(
        task=task,
        sample=Sample(
            id=f"{task}-{number}",
            hash=digest[:16],
            question=f"Item {number}?",
            dimension=dimension,
            split="dev" if number % 2 else "test",
        ),
        prompt="?",
        response=Response(text="!"),
        verdict=Verdict(state=VerdictState.OK, judge="rules@1"),
        metrics={**metrics, "unjudged": 0.0},
    )


def _share(area: str, kind: Any, share: float) -> Share:
    return Share(area=area, kind=kind, share=share, rows=10, available=100, repeats=1.0, sources=("demo:tu",), reason="test")


def _checkpoint(
    name: str, parent: str, stage: Any, mix: Mix, abilities: Mapping[str, float], more: Mapping[str, Any]
) -> Checkpoint:
    recipe = Recipe(
        trainer=more["trainer"],
        preset=more["recipe"],
        name=name,
        stage=stage,
        base=parent,
        rows="rows.jsonl",
        rows_sha256=mix.rows_sha256,
        work="work",
        out="out",
        seed=more["seed"],
        hyper=Hyper(**more["overrides"]),
    )
    return Checkpoint(
        name=name,
        parent=parent,
        parent_fingerprint=f"{more['of']}|auto",
        stage=stage,
        trainer=more["trainer"],
        trainer_digest="2" * 64,
        recipe=recipe,
        mix=mix.id,
        diagnosis=mix.diagnosis,
        weights={"model.safetensors": hashlib.sha256(json.dumps(abilities).encode()).hexdigest()},
        report=TrainingReport(steps=100),
        created="2026-01-01T00:00:00+00:00",
    )


def _written(file: Path, noun: Any) -> Any:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(noun.model_dump_json())
    return noun
