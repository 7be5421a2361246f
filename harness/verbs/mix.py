"""Diagnosis × sources -> Mix: what a stage is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from harness import catalog, folders
from harness.culture import load
from harness.errors import UsageError
from harness.mixing import folder
from harness.mixing.building import Built, build
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
        dry_run: Only say what the mix would be; nothing is written.
        watch: Called with (stage, done, total).

    Raises:
        Refused: Nothing is weak, or what is weak has no source.
        HarnessError: With one line that says what to mend.
    """
    found = diagnosis if isinstance(diagnosis, Diagnosis) else folder.read_diagnosis(diagnosis)
    of = culture if isinstance(culture, Culture) else load(culture or found.culture)
    planned = plan(found, of, stage, replay=replay, keep_undecided=keep_undecided, without=without)
    most = stage_plan(of, stage).rows if rows is None else rows
    if most < 1:
        raise UsageError(f"a mix of {most} rows cannot be trained on; ask for at least 1")
    sources = identities(of, planned.sources)
    known = catalog.read()
    asked = _asked(found, of, planned, most, seed, sources) | {"benchmarks": benchmarks.identity(of, known)}
    name = folder.mix_id(found.model, stage, asked)
    place = folders.mixes_dir(mixes) / name
    if (place / folder.MIX).is_file():
        return folder.read_mix(place)
    stocked = take_stock(of, known, planned.sources, rows=most, seed=seed, watch=watch)
    built = build(planned, stocked.stock, rows=most, seed=seed)
    lines = folder.row_lines(built.rows)
    made = _noun(name, found, of, stage, seed, sources, stocked, built, folder.sha256_of(lines))
    if not dry_run:
        folder.store(place, made, lines, stocked.dropped)
    return made


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
