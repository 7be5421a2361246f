"""Diagnosis × sources × data sets -> Mix: what a stage is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness import catalog, folders
from harness.culture import load
from harness.errors import UsageError
from harness.mixing import datasets, folder
from harness.mixing.building import Built, build
from harness.mixing.datasets import TaggedSet
from harness.mixing.plan import Plan, plan, stage_plan
from harness.mixing.stocking import Stocked, take_stock
from harness.rows import benchmarks
from harness.rows.sources import identities
from harness.schema import Culture, Diagnosis, Mix, TrainedStage

VERSION: Final = 1
"""Of how a mix is made; part of its name."""


def mix(
    diagnosis: Diagnosis | Path,
    *,
    stage: TrainedStage,
    culture: str | Culture | None = None,
    rows: int | None = None,
    replay: Mapping[str, float] | None = None,
    seed: int = 1234,
    mixes: Path | None = None,
    keep_undecided: bool = False,
    without: Sequence[str] = (),
    data: Sequence[Path] = (),
    data_only: bool = False,
    dry_run: bool = False,
    watch: Callable[[str, int, int], None] | None = None,
) -> Mix:
    """Make a mix, or find the one that the same question has made before.

    Args:
        diagnosis: Of the model that will be trained, or the JSON file that holds it.
        stage: `knowledge` or `safety`: only areas that this stage mends are taught.
        culture: Name, folder or Culture; by default the one that was diagnosed.
        rows: Rows at most; by default what the culture plans for the stage.
        replay: Benchmark or retained task -> share of the rows, over what the culture plans; 0 leaves one out.
        seed: Of which rows are drawn, and of their order.
        mixes: Where mixes are kept; default `$HARNESS_MIXES` or `./mixes`.
        keep_undecided: Teach undecided areas too.
        without: Areas or benchmarks left out on purpose.
        data: Folders of data sets; what their rows are tagged with is taught by them, in place of the culture's sources.
        data_only: Benchmarks are taught by these alone; retained tasks keep their sources.
        dry_run: Only say what the mix would be; nothing is written.
        watch: Called with (stage, done, total).

    Raises:
        Refused: Nothing is weak, or what is weak has no source or, with `data_only`, no tagged row.
        HarnessError: With one line that says what to mend.
    """
    found = diagnosis if isinstance(diagnosis, Diagnosis) else folder.read_diagnosis(diagnosis)
    of = culture if isinstance(culture, Culture) else load(culture or found.culture)
    sets = datasets.open_sets(data, of)
    planned = plan(
        found, of, stage, replay=replay, keep_undecided=keep_undecided, without=without, sets=sets, data_only=data_only
    )
    most = stage_plan(of, stage).rows if rows is None else rows
    if most < 1:
        raise UsageError(f"a mix of {most} rows cannot be trained on; ask for at least 1")
    sources = _identities(of, planned, sets)
    known = catalog.read()
    asked = _asked(found, of, planned, most, seed, sources) | {"benchmarks": benchmarks.identity(of, known)}
    if sets:
        asked |= {"data": {one.name: one.made.rows_sha256 for one in sets}, "by": _sources_of(planned)}
    name = folder.mix_id(found.model, stage, asked)
    place = folders.mixes_dir(mixes) / name
    if (place / folder.MIX).is_file():
        return folder.read_mix(place)
    stocked = take_stock(of, known, planned, rows=most, seed=seed, sets=sets, watch=watch)
    built = build(planned, stocked.stock, rows=most, seed=seed)
    lines = folder.row_lines(built.rows)
    made = _noun(name, found, of, stage, seed, sources, stocked, built, folder.sha256_of(lines))
    if not dry_run:
        folder.store(place, made, lines, stocked.dropped)
    return made


def _identities(culture: Culture, planned: Plan, sets: Sequence[TaggedSet]) -> dict[str, str]:
    """Source or data set -> what identifies its rows."""
    own = identities(culture, (name for name in planned.sources if not datasets.is_data(name)))
    return {**own, **datasets.identities(sets, planned.sources)}


def _sources_of(planned: Plan) -> dict[str, list[str]]:
    """Area -> sources: where a data set stands in for some of them, this says of which."""
    found = {area: list(sources) for part in planned.replay for area, sources in part.parts}
    return found | {one.area: list(one.sources) for one in planned.weak}


def _asked(
    diagnosis: Diagnosis, culture: Culture, planned: Plan, rows: int, seed: int, sources: Mapping[str, str]
) -> dict[str, Any]:
    """What decides the rows beside the benchmarks, as JSON values."""
    return {
        "version": VERSION,
        "diagnosis": diagnosis.model_dump(mode="json"),
        "culture": culture.digest,
        "stage": planned.stage,
        "weak": [area.area for area in planned.weak],
        "replay": {part.name: part.share for part in planned.replay},
        "rows": rows,
        "seed": seed,
        "sources": dict(sources),
    }


def _noun(
    name: str,
    diagnosis: Diagnosis,
    culture: Culture,
    stage: TrainedStage,
    seed: int,
    sources: Mapping[str, str],
    stocked: Stocked,
    built: Built,
    rows_sha256: str,
) -> Mix:
    changed = [] if diagnosis.culture_digest == culture.digest else ["culture.toml has changed since the diagnosis"]
    return Mix(
        id=name,
        culture=culture.name,
        stage=stage,
        model=diagnosis.model,
        diagnosis=diagnosis.run,
        seed=seed,
        rows=len(built.rows),
        rows_sha256=rows_sha256,
        shares=built.shares,
        sources=dict(sources),
        dropped=dict(sorted(Counter(one.why for one in stocked.dropped).items())),
        checked=stocked.checked,
        notes=(*changed, *built.notes, *stocked.notes),
    )
