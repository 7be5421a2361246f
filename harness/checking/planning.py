"""Culture -> what surrounds its benchmarks: retained tasks, recipes, power, policies, guidance, pipelines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from harness.catalog import Catalog
from harness.checking.asking import Asked, halves
from harness.checking.findings import Findings
from harness.culture import ANY
from harness.curating import pipeline
from harness.errors import HarnessError, UsageError
from harness.gating import policy
from harness.refining import guidance
from harness.schema import Culture
from harness.stats.diagnosis import smallest_gap

COARSE: Final = 0.30
"""Gap that must at least be found with 80% power: what lies less far below its standard stays undecided more often than not."""
CULTURE: Final = "culture.toml"


def check(culture: Culture, known: Catalog, found: Sequence[Asked], findings: Findings) -> None:
    """Say what is wrong."""
    _retained(culture, known, findings)
    _recipes(culture, findings)
    _stages(culture, findings)
    for benchmark in culture.benchmarks:
        _power(culture, benchmark, [one for one in found if one.benchmark == benchmark], findings)
    _policies(culture, findings)
    _guidance(culture, findings)
    _pipelines(culture, findings)


def _retained(culture: Culture, known: Catalog, findings: Findings) -> None:
    if not culture.retained:
        findings.warning("retained", CULTURE, "retains no task: nothing shows what adapting costs; add [retained.NAME]")
    for name in culture.retained:
        try:
            known.find(name)
        except UsageError as error:
            findings.objection("retained", CULTURE, error)


def _recipes(culture: Culture, findings: Findings) -> None:
    from harness.training.recipes import find_recipe

    for stage, plan in culture.stages.items():
        try:
            find_recipe(plan.recipe)
        except HarnessError as error:
            findings.error("stages", CULTURE, f"stages.{stage}.recipe: {error}")


def _stages(culture: Culture, findings: Findings) -> None:
    mended = {one.stage for one in culture.benchmarks.values()}
    for stage in sorted(mended - culture.stages.keys()):
        findings.warning(
            "stages", CULTURE, f"benchmarks of the {stage} stage are measured and never mended: there is no [stages.{stage}]"
        )
    for stage in sorted(culture.stages.keys() - mended):
        findings.warning("stages", CULTURE, f"stages.{stage}: no benchmark is mended in it")
    for stage, plan in culture.stages.items():
        if culture.retained and not plan.replay.keys() & culture.retained.keys():
            findings.warning("stages", CULTURE, f"stages.{stage}.replay: no retained task is replayed; training may cost it")


def deciding(culture: Culture, benchmark: str, dimension: str, dev: int) -> float | None:
    """Smallest distance below the strictest standard at which `dev` items find a dimension weak with 80% power, 0-1."""
    standards = culture.benchmarks[benchmark].standards
    wanted = [by.get(dimension, by.get(ANY)) for metric, by in standards.items() if metric != "hr"]
    gaps = [smallest_gap(value * (1 - value), dev) for value in wanted if value is not None and 0 < value < 1]
    return min(1.0, max(gaps)) if gaps and dev else None


def _power(culture: Culture, benchmark: str, found: Iterable[Asked], findings: Findings) -> None:
    counts: dict[str, list[int]] = {}
    for one in found:
        if one.samples is not None:
            sums = counts.setdefault(one.dimension, [0, 0])
            for place, number in enumerate(halves(one)):
                sums[place] += number
    coarse = []
    for dimension, (dev, test) in counts.items():
        if not dev or not test:
            what = f"benchmarks.{benchmark}: '{dimension}' has {dev} items to diagnose by and {test} to prove with; write more"
            findings.error("items", CULTURE, what)
        elif (gap := deciding(culture, benchmark, dimension, dev)) is not None and gap > COARSE:
            coarse.append(f"{dimension} {dev} ({math.ceil(100 * gap)} points)")
    if coarse:
        what = (
            f"benchmarks.{benchmark}: few dev items; what lies less far below its standard stays undecided: {', '.join(coarse)}"
        )
        findings.warning("items", CULTURE, what)


def _policies(culture: Culture, findings: Findings) -> None:
    folder = Path(culture.folder) / policy.FOLDER
    files = sorted(folder.glob("*.toml"))
    if folder / f"{policy.CONTRACT}.toml" not in files:
        what = f"has no {policy.FOLDER}/{policy.CONTRACT}.toml; harness gate then only looks for drops"
        findings.warning("policies", CULTURE, what)
    for file in files:
        try:
            found = policy.load(str(file))
        except HarnessError as error:
            # What is wrong with the culture itself, whose retained tasks a policy takes over, has been said.
            if str(getattr(error, "file", file)) == str(file):
                findings.objection("policies", file, error)
            continue
        if found.culture not in (None, culture.name):
            findings.error("policies", file, f"is for culture '{found.culture}'; write culture = \"{culture.name}\"")


def _guidance(culture: Culture, findings: Findings) -> None:
    for name in guidance.SECTIONS:
        file = Path(culture.folder) / guidance.FOLDER / f"{name}.md"
        if not file.is_file():
            continue
        try:
            guidance.load(culture, name)
        except HarnessError as error:
            findings.objection("guidance", file, error)


def _pipelines(culture: Culture, findings: Findings) -> None:
    for file in sorted((Path(culture.folder) / pipeline.FOLDER).glob("*.toml")):
        try:
            pipeline.load(str(file))
        except HarnessError as error:
            findings.objection("pipelines", file, error)
