"""Asked -> Checked, before anything costs time -> Ready: tasks, model and judge, loaded and not yet asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from harness import catalog, folders
from harness.errors import UsageError
from harness.measure.asked import Asked, Watch
from harness.measure.rubrics import check_rubrics, rubric_files
from harness.models import build
from harness.schema import Provenance

if TYPE_CHECKING:
    from harness.judging.items import Judge
    from harness.lm.backends import Backend
    from harness.lm.run import Loaded
    from harness.lm.session import Session
    from harness.lm.stored import StoredLM
    from harness.lm.template import Template

STORE: Final = ".store"
"""Folder beside the runs that holds what must never be asked twice: responses and verdicts."""


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

    def _generation(self) -> dict[str, dict[str, Any]]:
        """Settings by task; of responses that were given before, those of then."""
        settings = self.loaded.generation()
        before = self.checked.asked.made.generation if self.checked.asked.made else {}
        return {task: before.get(task, own) for task, own in settings.items()}

    def provenance(self) -> Provenance:
        """All that can change a number."""
        from harness.provenance import code

        asked, known, judge = self.checked.asked, self.checked.known, self.checked.judge
        versions = {name: str(known.find(name).metadata.get("version", "")) for name in self.loaded.tasks}
        return Provenance(
            **code(),
            data=self.loaded.data(),
            tasks={
                name: f"{version}@{known.find(name).digest[:8]}{self.loaded.judged_otherwise(name)}"
                for name, version in versions.items()
            },
            keys=self.loaded.keys(),
            judge=judge.id if judge else None,
            rubrics=self.loaded.rubrics(),
            chat_template=asked.made.chat_template if asked.made else self.template.sha256,
            generation=self._generation(),
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
    check_rubrics(asked.rubrics, known, names)
    if asked.rubrics and asked.judge == "none":
        raise UsageError("--rubric says what a judge goes by, and --judge none asks none: --judge openai:MODEL, or no --rubric")
    judge = _judge(asked, runs)
    build(asked.model)
    return Checked(asked, known, names, judge, asked.fingerprint or fingerprint(asked.model))


def set_apart(checked: Checked, run: str) -> None:
    """Let the judge ask anew: it takes nothing from the cache but what it said in this very run, and cut off it goes on there."""
    from harness.judging.llm import OpenAIJudge

    if isinstance(checked.judge, OpenAIJudge):
        checked.judge.turn = run


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
    settings = {
        "key_files": dict(asked.key_files),
        "key_min_confidence": asked.key_min_confidence,
        "rubric_files": rubric_files(asked.rubrics, known, names),
    }
    others, places = known.under(names), known.places(names)
    loaded = engine.load(names, folders.task_folders(), settings, asked.generation, others, places)
    backend = open_backend(asked.model, batch_size=asked.batch_size, concurrency=asked.concurrency, seed=asked.seed, runs=runs)
    store = ResponseStore(runs / STORE / "responses.sqlite")
    identity = f"{checked.identity}:{asked.chat_template}:{asked.seed}"
    identity += f":{batched}" if batched and backend.unit is not None else ""
    lm = StoredLM(backend, store, identity, fresh=asked.fresh, progress=partial(watch, "generating"))
    template = inspect(backend, asked.chat_template)
    watch("loading", 1, 1)
    return Ready(checked, loaded, lm, backend, template)


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


def _refuse(known: catalog.Catalog, names: tuple[str, ...]) -> None:
    for entry in known.under(names):
        if entry.objection:
            raise UsageError(f"task '{entry.name}' is not run: {entry.objection}")
