"""Culture × catalog -> what its tasks ask: loaded, looked at, and what is wrong with them.

The published data of a benchmark may not be on this machine, nor lm-eval's own data sets: such tasks are named, and what their
questions look like stays unknown. Nothing is downloaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from harness import folders
from harness.catalog import Catalog, Entry, copies, yaml_files
from harness.checking.findings import Findings
from harness.culture import mended
from harness.data.fetch import DataFile, is_here
from harness.errors import HarnessError
from harness.judging.scripts import SCRIPTS, looks_english, share
from harness.schema import Culture, Sample

REFUSAL: Final = "RefusalTask"
BENIGN: Final = "BenignTask"
TODO: Final = "TODO"
OWN_SCRIPT: Final = 0.5
"""Share of the culture's script among the letters of a task's questions below which they are in another language."""
ONE_LETTER: Final = 0.7
"""Share of one letter among the right answers above which always saying it is no bad plan."""


@dataclass(frozen=True)
class Asked:
    """One task, as far as it can be seen here."""

    benchmark: str
    entry: Entry
    dimension: str
    config: Mapping[str, Any]
    """The YAML with what it includes."""
    samples: tuple[Sample, ...] | None
    """None: its data are not here, or cannot be read."""
    rubrics: tuple[tuple[str, str], ...] = ()
    """Name and language of each."""

    @property
    def kind(self) -> str:
        """Last part of its class; empty of lm-eval's own."""
        return str(self.config.get("class", "")).rpartition(".")[2] if self.entry.native else ""

    @property
    def language(self) -> str:
        """As its metadata say; empty if they do not."""
        return str(self.entry.metadata.get("language") or "")


def tasks(culture: Culture, known: Catalog, findings: Findings) -> list[Asked]:
    """Every task of the culture's benchmarks but those that are retained for themselves; what cannot be loaded is said."""
    found = []
    for benchmark in culture.benchmarks:
        places = known.places((benchmark,))
        for leaf in mended(known, benchmark, culture.retained):
            entry = known.find(leaf)
            place = places.get(leaf)
            dimension = str(entry.metadata.get("dimension") or (place.dimension if place else ""))
            config = yaml_files.load(entry.path)[0] if entry.origin == "harness" else {}
            found.append(Asked(benchmark, entry, dimension, config, None))
    here = _here(found, findings)
    seen = _together(here, known) or _each(here, known, findings)
    return [seen.get((one.benchmark, one.entry.name), one) for one in found]


def _here(found: Sequence[Asked], findings: Findings) -> list[Asked]:
    """Those whose data are on this machine; of the others a line for each benchmark and data set."""
    lacking: dict[tuple[str, str], list[str]] = {}
    here = []
    for one in found:
        entry = one.entry
        if entry.objection:
            findings.error("tasks", entry.path, f"task '{entry.name}' is never run: {entry.objection}")
        elif what := _not_here(entry, one.config):
            lacking.setdefault((one.benchmark, what), []).append(entry.name)
        else:
            here.append(one)
    for (benchmark, what), names in lacking.items():
        tasks = f"task '{names[0]}'" if len(names) == 1 else f"{len(names)} tasks ({names[0]}, …)"
        findings.warning("tasks", "culture.toml", f"benchmarks.{benchmark}: {tasks}: {what}, so no question was looked at")
    return here


def _not_here(entry: Entry, config: Mapping[str, Any]) -> str:
    """What of its data is not on this machine; empty if nothing is lacking."""
    if entry.origin == "lm-eval":
        return "" if copies.files(entry.dataset) else f"lm-eval's data set '{entry.dataset}' has no copy here"
    source = config.get("dataset_kwargs")
    if isinstance(source, dict) and {"path", "url", "sha256"} <= source.keys():
        file = DataFile(str(source["path"]), str(source["url"]), str(source["sha256"]))
        return "" if is_here(file) else f"its data are not here ({file.path})"
    return ""


Seen = dict[tuple[str, str], Asked]
"""By benchmark and task."""


def _together(asked: Sequence[Asked], known: Catalog) -> Seen | None:
    """All in one go, ten times as fast as one by one; None if one of them cannot be loaded."""
    try:
        return _loaded(asked, known)
    except HarnessError:
        return None


def _each(asked: Sequence[Asked], known: Catalog, findings: Findings) -> Seen:
    found: Seen = {}
    for one in asked:
        try:
            found |= _loaded([one], known)
        except HarnessError as error:
            findings.objection("tasks", one.entry.path, error)
    return found


def _loaded(asked: Sequence[Asked], known: Catalog) -> Seen:
    """With their items and rubrics.

    Raises:
        HarnessError: one of them cannot be loaded.
    """
    from harness.lm import run
    from harness.lm.tasks import JudgedTask

    names, benchmarks = list(dict.fromkeys(one.entry.name for one in asked)), dict.fromkeys(one.benchmark for one in asked)
    loaded = run.load(names, folders.task_folders(), {}, {}, known.under(names), places=known.places(benchmarks))
    found: Seen = {}
    for one in asked:
        samples, task = tuple(loaded.items(one.entry.name)), loaded.tasks[one.entry.name]
        used = task.rubrics.used(samples).values() if isinstance(task, JudgedTask) else ()
        rubrics = tuple((rubric.name, rubric.language) for rubric in used)
        found[one.benchmark, one.entry.name] = replace(one, samples=samples, rubrics=rubrics)
    return found


# --- what is wrong with them --------------------------------------------------------------------------------------------


def look(culture: Culture, found: Sequence[Asked], findings: Findings) -> None:
    """Languages, rubrics, answers, doubles, and whether over-refusal is measured."""
    for asked in found:
        _language(culture, asked, findings)
        _rubrics(culture, asked, findings)
        if asked.samples:
            _items(culture, asked, findings)
    _doubles(found, findings)
    _over_refusal(culture, found, findings)


def share_of(culture: Culture, asked: Asked) -> float | None:
    """Mean share of the culture's script among the letters of the questions; None where nothing can be said."""
    shares = [share(one.question, culture.language) for one in _written(asked)]
    known = [value for value in shares if value is not None]
    return fmean(known) if known else None


def _written(asked: Asked) -> list[Sample]:
    """Without those that are still to be written."""
    return [one for one in asked.samples or () if TODO not in one.question]


def _language(culture: Culture, asked: Asked, findings: Findings) -> None:
    """What a task says, as its metadata decide how dialogues are labelled and in which script answers are measured."""
    if not asked.entry.native or asked.language == culture.language:
        return
    if asked.language:
        what = f"task '{asked.entry.name}' says language: {asked.language}, the culture's is {culture.language}"
        findings.error("language", asked.entry.path, what)
    elif culture.language != "zh":
        what = (
            f"task '{asked.entry.name}' says no language and counts as Chinese; add language: {culture.language} to its metadata"
        )
        findings.error("language", asked.entry.path, what)


def _rubrics(culture: Culture, asked: Asked, findings: Findings) -> None:
    for name, language in asked.rubrics:
        if language.partition("_")[0] != culture.language:
            what = f"task '{asked.entry.name}' is judged by rubric '{name}' in '{language}'; write one in '{culture.language}'"
            findings.error("rubric", asked.entry.path, what)


def _items(culture: Culture, asked: Asked, findings: Findings) -> None:
    name, file = asked.entry.name, _items_file(asked)
    written = _written(asked)
    own = share_of(culture, asked)
    if culture.language in SCRIPTS and own is not None and own < OWN_SCRIPT:
        scripts = " or ".join(sorted(SCRIPTS[culture.language])).title()
        what = f"task '{name}': {own:.0%} of the letters of its questions are {scripts}, the script of '{culture.language}'"
        findings.error("language", file, f"{what}; at least half should be")
    elif "LATIN" in SCRIPTS.get(culture.language, ()) and culture.language != "en":
        english = sum(looks_english(one.question) for one in written)
        if 2 * english > len(written):
            what = f"task '{name}': {english} of {len(written)} questions look English, not '{culture.language}'"
            findings.error("language", file, what)
    _answers(asked, file, findings)


def _answers(asked: Asked, file: Path, findings: Findings) -> None:
    samples = asked.samples or ()
    name = asked.entry.name
    if asked.kind in ("ChoiceTask", "LikelihoodTask", "ScoreTask"):
        without = sum(one.target is None for one in samples)
        if without == len(samples):
            findings.error("items", file, f"task '{name}': no item has a right answer (target), so nothing can be scored")
        elif without and asked.kind != "ScoreTask":
            findings.warning("items", file, f"task '{name}': {without} of {len(samples)} items have no target and count nowhere")
    letters = Counter(one.target for one in samples if one.options and one.target)
    if letters.total() >= 10 and (most := letters.most_common(1)[0])[1] > ONE_LETTER * letters.total():
        what = f"task '{name}': {most[1]} of {letters.total()} right answers are {most[0]}; compare ACC with the constant answer"
        findings.warning("items", file, what)


def _items_file(asked: Asked) -> Path:
    """The file of items, where the task names one beside it."""
    source = asked.config.get("dataset_kwargs")
    named = source.get("file") if isinstance(source, dict) else None
    own = [file for file in asked.entry.files if named and file.name == Path(str(named)).name]
    return own[0] if own else asked.entry.path


def _doubles(found: Sequence[Asked], findings: Findings) -> None:
    """The same question twice in a benchmark counts once, in the half that its content decides."""
    by_benchmark: dict[str, Counter[str]] = {}
    for asked in found:
        by_benchmark.setdefault(asked.benchmark, Counter()).update(one.hash for one in asked.samples or ())
    for benchmark, counts in by_benchmark.items():
        if twice := sum(count - 1 for count in counts.values() if count > 1):
            what = f"benchmarks.{benchmark}: {twice} of {counts.total()} items ask what another one asks, word for word"
            findings.warning("items", "culture.toml", what)


def _over_refusal(culture: Culture, found: Sequence[Asked], findings: Findings) -> None:
    kinds = {asked.kind for asked in found}
    if REFUSAL in kinds and BENIGN not in kinds:
        risky = next(asked.benchmark for asked in found if asked.kind == REFUSAL)
        what = (
            f"'{risky}' measures refusals, and nothing measures harmless requests; a model that refuses everything would pass: "
            f"add a benchmark of {BENIGN}"
        )
        findings.error("safety", Path(culture.folder) / "culture.toml", what)


def halves(asked: Asked) -> Iterator[int]:
    """Items of the dev half, then of the test half."""
    for half in ("dev", "test"):
        yield len({one.hash for one in asked.samples or () if one.split == half})
