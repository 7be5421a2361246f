"""ModelRef × tasks × judge -> RunRecord on disk: the one way in which numbers are made.

`harness eval` asks a model here, `harness judge` the stored responses of a finished run; both end in the same kind of record.
What was asked fixes the run's id, so the same command finds its own unfinished folder and goes on; responses and verdicts lie in
stores beside the runs, so going on costs only what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness import __version__, catalog, folders, notes
from harness.errors import UsageError
from harness.models import build
from harness.schema import Confidence, Coverage, ModelRef, Provenance, RunRecord, SampleResult, Score, Tokens, Usage

if TYPE_CHECKING:
    from harness.judging.items import Judge
    from harness.lm.backends import Backend
    from harness.lm.run import Loaded, Outcome
    from harness.lm.session import Session
    from harness.lm.stored import StoredLM
    from harness.lm.template import Template
    from harness.runs import RunFolder

Watch = Callable[[str, int, int], None]
"""(stage, done, total): called often; stages are `loading`, `generating`, `judging`, `writing`."""

STORE = ".store"
"""Folder beside the runs that holds what must never be asked twice: responses and verdicts."""

COMPLETE_AT = 0.99
"""Judged share of every task above which a run is complete."""


@dataclass(frozen=True)
class Asked:
    """All that `harness eval` was asked; what can change a number is part of the run's id."""

    model: ModelRef
    tasks: tuple[str, ...]
    judge: str = "rules"
    threshold: float = 90.0
    limit: int | None = None
    key_files: Mapping[str, str] = field(default_factory=dict)
    """Benchmark or task name ('' for all) -> key file used instead of the bundled one."""
    key_min_confidence: Confidence | None = None
    generation: Mapping[str, Any] = field(default_factory=dict)
    chat_template: Literal["auto", "none"] = "auto"
    seed: int = 1234
    parent: str | None = None
    """Run whose responses are judged again."""
    fingerprint: str | None = None
    """Of the model that gave the responses, when they are replayed from a run."""
    batch_size: int | None = None
    concurrency: int = 32
    judge_concurrency: int = 64
    fresh: bool = False
    """Ask the model again even where answers are stored, into a new folder."""


@dataclass(frozen=True)
class Measured:
    """A record and where it lies."""

    record: RunRecord
    folder: Path
    reused: bool
    """The run was finished before: nothing was done."""


@dataclass(frozen=True)
class Checked:
    """What was asked, found possible before anything costs time."""

    asked: Asked
    known: catalog.Catalog
    names: tuple[str, ...]
    """Tasks and groups that do not overlap."""
    judge: Judge | None
    identity: str
    """The model's fingerprint."""


@dataclass(frozen=True)
class Ready:
    """Tasks, model and judge, loaded and not yet asked."""

    checked: Checked
    loaded: Loaded
    lm: StoredLM
    backend: Backend
    template: Template

    def session(self, watch: Watch) -> Session:
        """A session in which the judge judges."""
        from harness.lm.session import Session

        return Session(self.checked.judge, self.checked.asked.threshold, partial(watch, "judging"))

    def provenance(self) -> Provenance:
        """All that can change a number."""
        from harness.provenance import code

        asked, known, judge = self.checked.asked, self.checked.known, self.checked.judge
        versions = {name: str(known.find(name).metadata.get("version", "")) for name in self.loaded.tasks}
        return Provenance(
            **code(),
            data=self.loaded.data(),
            tasks={name: f"{version}@{known.find(name).digest[:8]}" for name, version in versions.items()},
            keys=self.loaded.keys(),
            judge=judge.id if judge else None,
            rubrics=self.loaded.rubrics(),
            chat_template=self.template.sha256,
            generation=self.loaded.generation(),
            model_fingerprint=self.checked.identity,
            seed=asked.seed,
            threshold=asked.threshold,
        )


def check(asked: Asked, runs: Path) -> Checked:
    """Find out whether the run that is asked can be made.

    Raises:
        HarnessError: it cannot; nothing was loaded.
    """
    from harness.fingerprint import fingerprint

    known = catalog.read()
    names = known.expand(asked.tasks)
    _refuse(known, names)
    judge = _judge(asked, runs)
    build(asked.model)
    return Checked(asked, known, names, judge, asked.fingerprint or fingerprint(asked.model))


def ready(checked: Checked, runs: Path, watch: Watch, batched: str = "") -> Ready:
    """Load tasks and model.

    Args:
        checked: what is asked.
        runs: where runs and their stores are kept.
        watch: called with (stage, done, total).
        batched: of a model whose answers depend on which requests it is given together: name of the way in which they are cut
            into batches, if not as a whole run cuts them. Its answers are stored apart.

    Raises:
        HarnessError: something cannot be loaded.
    """
    watch("loading", 0, 1)
    from harness.lm import run as engine
    from harness.lm.backends import open_backend
    from harness.lm.store import ResponseStore
    from harness.lm.stored import StoredLM
    from harness.lm.template import inspect

    asked, known, names = checked.asked, checked.known, checked.names
    settings = {"key_files": dict(asked.key_files), "key_min_confidence": asked.key_min_confidence}
    others, dimensions = known.under(names), known.dimensions(names)
    loaded = engine.load(names, folders.task_folders(), settings, asked.generation, others, dimensions)
    backend = open_backend(asked.model, batch_size=asked.batch_size, concurrency=asked.concurrency, seed=asked.seed, runs=runs)
    store = ResponseStore(runs / STORE / "responses.sqlite")
    identity = f"{checked.identity}:{asked.chat_template}:{asked.seed}"
    identity += f":{batched}" if batched and backend.unit is not None else ""
    lm = StoredLM(backend, store, identity, fresh=asked.fresh, progress=partial(watch, "generating"))
    template = inspect(backend, asked.chat_template)
    watch("loading", 1, 1)
    return Ready(checked, loaded, lm, backend, template)


def measure(asked: Asked, runs: Path, watch: Watch | None = None) -> Measured:
    """Make or finish the run that was asked.

    Raises:
        HarnessError: Something the user can mend; nothing that was answered or judged before is lost.
    """
    from harness.runs import RunFolder, load_run, run_id

    checked = check(asked, runs)
    spec = _spec(asked, checked.known, checked.names, checked.identity)
    name = _fresh_id(runs, run_id(asked.model.name, checked.names, spec), asked.fresh)
    with RunFolder.create_or_resume(runs, name, spec) as folder:
        if folder.finished:
            record = load_run(name, runs)
            if record.complete or asked.judge == "none":
                return Measured(record, folder.path, True)
            folder.reopen()
        return Measured(_Run(checked, folder, watch or _silent).go(), folder.path, False)


class _Run:
    """One evaluation in progress."""

    def __init__(self, checked: Checked, folder: RunFolder, watch: Watch) -> None:
        self.checked, self.folder, self.watch = checked, folder, watch
        self.asked, self.known, self.names = checked.asked, checked.known, checked.names
        self.began = time.monotonic()
        self.started = datetime.now(UTC).isoformat(timespec="seconds")

    def go(self) -> RunRecord:
        """Load, generate, judge, score, write."""
        made = ready(self.checked, self.folder.path.parent, self.watch)
        from harness.lm import run as engine

        session = made.session(self.watch)
        outcome = engine.run(made.loaded, made.lm, session, limit=self.asked.limit, chat=made.template.applied)
        self.folder.event("generated", asked_of_model=made.lm.generated)
        return self._finish(made, outcome)

    def _finish(self, made: Ready, outcome: Outcome) -> RunRecord:
        self.watch("writing", 0, 1)
        loaded, judge, template = made.loaded, self.checked.judge, made.template
        for task, rows in sorted(outcome.samples.items()):
            self.folder.write_samples(task, rows)
        keys = loaded.keys()
        results = [result for rows in outcome.samples.values() for result in rows]
        coverage = _coverage(loaded, outcome.samples, self.known.owners(self.names))
        complete = all(c.share >= COMPLETE_AT for c in coverage)
        record = RunRecord(
            id=self.folder.id,
            model=self.asked.model,
            asked=self.names,
            tasks=tuple(sorted(outcome.samples)),
            benchmarks=tuple(self.known.benchmarks(self.names)),
            scores=tuple(_scores(self.known, self.names, outcome, self.asked.threshold)),
            coverage=tuple(coverage),
            complete=complete,
            comparable=self.asked.limit is None,
            limit=self.asked.limit,
            notes=(
                *notes.of_keys(keys),
                *notes.of_judge(judge, results),
                *notes.of_extent(self.asked.limit, complete),
                *template.notes(),
                *loaded.notes(template.applied),
                *notes.of_flags(results),
                *notes.of_endpoint("the judge's endpoint", judge),
                *notes.of_endpoint("the model's endpoint", made.backend),
            ),
            tokens=_tokens(results),
            samples=dict(self.folder.sample_hashes),
            provenance=made.provenance(),
            parent=self.asked.parent,
            usage=Usage(
                started=self.started,
                seconds=round(time.monotonic() - self.began, 3),
                generated=made.lm.generated,
                judged=int(getattr(judge, "asked", 0)),
            ),
        )
        self._write_lm_eval_layout(outcome)
        self.folder.finish(record)
        self.watch("writing", 1, 1)
        return record

    def _write_lm_eval_layout(self, outcome: Outcome) -> None:
        from harness.lm import layout

        model = self.asked.model
        results = outcome.lm_eval | {
            "config": {
                "model": model.backend,
                "model_args": {"pretrained": model.source, **model.args},
                "limit": self.asked.limit,
            },
            "model_name": model.name,
            "date": self.started,
            "total_evaluation_time_seconds": str(round(time.monotonic() - self.began, 3)),
        }
        layout.write(self.folder.path, results, outcome.logged)


def _judge(asked: Asked, runs: Path) -> Judge | None:
    """The judge, set up before anything costs time."""
    from harness.judging.choose import make_judge

    judge = make_judge(asked.judge, cache=runs / STORE / "verdicts.sqlite", concurrency=asked.judge_concurrency)
    endpoint = getattr(judge, "endpoint", None)
    model = asked.model
    if endpoint is None or model.backend != "openai":
        return judge
    tested = (model.source.rstrip("/"), str(model.args.get("model", model.name)))
    if (endpoint.base_url.rstrip("/"), endpoint.model) == tested:
        raise UsageError(
            f"judge and model under test are both '{endpoint.model}' at {model.source}; a model must not judge itself"
        )
    return judge


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Watch nothing."""


def _refuse(known: catalog.Catalog, names: tuple[str, ...]) -> None:
    for entry in known.under(names):
        if entry.objection:
            raise UsageError(f"task '{entry.name}' is not run: {entry.objection}")


def _spec(asked: Asked, known: catalog.Catalog, names: tuple[str, ...], identity: str) -> dict[str, Any]:
    """What identifies a run: everything asked that can change a number."""
    leaves = sorted({leaf for name in names for leaf in known.leaves(name)})
    return {
        "model": asked.model.name,
        "fingerprint": identity,
        "backend": asked.model.backend,
        "harness": __version__,
        "tasks": {leaf: known.find(leaf).digest for leaf in leaves},
        "files": {"/".join(file.parts[-3:]): _digest(str(file)) for leaf in leaves for file in known.find(leaf).files},
        "groups": list(names),
        "judge": asked.judge,
        "threshold": asked.threshold,
        "limit": asked.limit,
        "keys": {name: _digest(path) for name, path in sorted(asked.key_files.items())},
        "key_min_confidence": asked.key_min_confidence,
        "generation": dict(asked.generation),
        "chat_template": asked.chat_template,
        "seed": asked.seed,
        "parent": asked.parent,
        **_lm_eval(known, names),
    }


def _lm_eval(known: catalog.Catalog, names: tuple[str, ...]) -> dict[str, Any]:
    """What identifies the part that lm-eval prompts and scores: its release, its groups (they may set examples), local data."""
    from harness.catalog import copies, stock

    entries = [entry for entry in known.under(names) if not entry.native]
    if all(entry.is_group and entry.origin == "harness" for entry in entries):
        return {}
    data = {file for entry in entries for file in copies.files(entry.dataset)}
    return {
        "lm_eval": {
            "version": stock.lm_eval_version(),
            "groups": {entry.name: entry.digest for entry in entries if entry.is_group and entry.origin == "lm-eval"},
            "data": {"/".join(file.parts[-4:]): _digest(str(file)) for file in sorted(data)},
        }
    }


def _digest(path: str) -> str:
    import hashlib

    from harness.errors import DataError

    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=path) from None


def _fresh_id(runs: Path, name: str, fresh: bool) -> str:
    """`name`, or with `fresh` the first `name-N` (N >= 2) that holds no finished run and that no other process is filling."""
    from harness.runs.lock import holder

    if not fresh or not (runs / name / "record.json").exists():
        return name
    number = 2
    while (runs / f"{name}-{number}" / "record.json").exists() or holder(runs / f"{name}-{number}" / "lock"):
        number += 1
    return f"{name}-{number}"


def _scores(known: catalog.Catalog, names: tuple[str, ...], outcome: Outcome, threshold: float) -> list[Score]:
    from harness.stats.aggregate import aggregate

    scores: list[Score] = []
    dimensions, owners = known.dimensions(names), known.owners(names)
    for benchmark, tasks in known.benchmarks(names).items():
        found = aggregate(benchmark, [result for task in tasks for result in outcome.samples[task]], threshold=threshold)
        found = (*found, *_whole_scores(benchmark, tasks, outcome, dimensions))
        inside = known.find(benchmark).origin == "lm-eval" and all(owners[task] != benchmark for task in tasks)
        scores += [score for score in found if not inside or score.scope == "overall"]
    return scores


def _whole_scores(benchmark: str, tasks: tuple[str, ...], outcome: Outcome, dimensions: Mapping[str, str]) -> Iterator[Score]:
    """Scores of metrics that are no mean over samples: of the benchmark, and of each of its tasks."""
    for whole in outcome.wholes:
        places = [("overall", "")] if whole.name == benchmark else []
        places += [("dimension", dimensions.get(whole.name, whole.name))] if whole.name in tasks else []
        for scope, name in places:
            yield Score(
                benchmark=benchmark,
                scope=scope,
                name=name,
                metric=whole.metric,
                value=whole.value,
                interval=None,
                n=whole.n,
                aggregation="micro",
                subset=whole.subset,
            )


def _coverage(loaded: Loaded, samples: Mapping[str, list[SampleResult]], owners: Mapping[str, str]) -> list[Coverage]:
    from harness.stats.aggregate import coverage

    found = []
    for name, rows in sorted(samples.items()):
        task = loaded.tasks[name]
        benchmark = str(task.settings.get("benchmark", owners[name]))
        found.append(coverage(name, benchmark, rows, kind=task.kind, self_scored=name in loaded.stock))
    return found


def _tokens(results: list[SampleResult]) -> Tokens | None:
    responses = [result.response for result in results]
    if all(r.prompt_tokens is None for r in responses):
        return None
    return Tokens(
        prompt=sum(r.prompt_tokens or 0 for r in responses), completion=sum(r.completion_tokens or 0 for r in responses)
    )
