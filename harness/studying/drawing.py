"""PlannedStep (draw) × pools -> `mixes/<name>/`: rows without replacement, in an order that the seed gives, none of a benchmark.

rows.jsonl      one TrainingRow a line
dropped.jsonl   what was left out and why; never the text of a benchmark
drawn.json      the Drawn, written last and by rename

Each source gives its rows in an order of its own and of the seed: so a phase with more rows holds those of one with fewer, two
phases that draw from one pool with one seed draw the same, and another seed draws others. What a source does not hold comes from
the others of its want, then from the other wants of the pool; a pool that is too small gives all it has, once.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness import catalog
from harness.culture import load
from harness.errors import DataError
from harness.mixing import folder as mixes
from harness.mixing.filling import Want as Filled
from harness.mixing.filling import fill
from harness.mixing.plan import Plan, Replay
from harness.mixing.pools import Dropped, Pool, Taught
from harness.mixing.stocking import Stocked, take_stock
from harness.runs import write
from harness.schema import Culture, TrainingRow
from harness.schema.study import Drawn, DrawnPool, Study
from harness.studying.planning import PlannedStep
from harness.studying.pools import PoolPlan, given, pool_identity, pool_plan
from harness.studying.vocabularies import is_text, text_path
from harness.vocabulary import texts

MANIFEST: Final = "drawn.json"
CURATED: Final = ".curated"
"""Folder of the studies in which pools are kept that went through a pipeline."""

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Given:
    """What one pool gave to a draw."""

    rows: tuple[TrainingRow, ...]
    drawn: DrawnPool
    dropped: tuple[Dropped, ...]
    checked: Mapping[str, int]
    notes: tuple[str, ...]


class Drawer:
    """Draws for many phases of one study; what a pool holds with one seed is looked at once."""

    def __init__(self, study: Study, root: Path, curated: Path, steps: Sequence[PlannedStep], watch: Watch | None = None) -> None:
        self.study, self.root, self.curated, self.steps, self.watch = study, root, curated, steps, watch
        self.culture: Culture = load(study.culture)
        self._known = catalog.read()
        self._stocks: dict[tuple[str, int | None], tuple[PoolPlan, Stocked]] = {}

    def draw_all(self) -> None:
        """Every draw that does not stand yet.

        Raises:
            DataError: a source cannot be read, or a pool holds no row that may be learnt from.
        """
        for done, step in enumerate(self.steps):
            self._say("drawing", done, len(self.steps))
            if not (self.root / step.step.name / MANIFEST).is_file():
                self._draw(step)
        self._say("drawing", len(self.steps), len(self.steps))

    def _draw(self, step: PlannedStep) -> None:
        if step.text:
            self._draw_text(step)
            return
        seed = step.step.seed
        found = {pool: self._from_pool(pool, rows, seed) for pool, rows in step.pools.items()}
        every = [row for one in found.values() for row in one.rows]
        if not every:
            raise DataError(f"the pools of '{step.step.name}' ({', '.join(step.pools)}) hold no row that may be learnt from")
        random.Random(f"study/{seed}").shuffle(every)
        lines = mixes.row_lines(every)
        drawn = Drawn(
            id=step.step.name,
            culture=self.culture.name,
            seed=seed,
            rows=len(every),
            rows_sha256=mixes.sha256_of(lines),
            pools={pool: one.drawn for pool, one in found.items()},
            dropped=dict(sorted(Counter(one.why for part in found.values() for one in part.dropped).items())),
            checked={name: n for part in found.values() for name, n in part.checked.items()},
            notes=tuple(dict.fromkeys((*self._notes(every, found), *(note for part in found.values() for note in part.notes)))),
        )
        _store(self.root / step.step.name, drawn, lines, [one for part in found.values() for one in part.dropped])

    def _draw_text(self, step: PlannedStep) -> None:
        """Lines of text, in the order of their files; what repeats a benchmark is left out by who learns from them."""
        folder = self.root / step.step.name
        pools: dict[str, DrawnPool] = {}
        digest = hashlib.sha256()

        def lines() -> Iterator[bytes]:
            for pool, rows in step.pools.items():
                counted = 0
                for text in self._texts(pool, rows):
                    line = json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n"
                    counted += 1
                    digest.update(line)
                    yield line
                pools[pool] = DrawnPool(wanted=rows, rows=counted, available=counted, areas={})

        write.make_folder(folder)
        write.drop_leftovers(folder)
        write.write_whole(folder / mixes.ROWS, lines())
        total = sum(one.rows for one in pools.values())
        if not total:
            raise DataError(f"the pools of '{step.step.name}' ({', '.join(step.pools)}) hold no text")
        drawn = Drawn(
            id=step.step.name, culture=self.culture.name, seed=None, rows=total, rows_sha256=digest.hexdigest(), pools=pools
        )
        write.write_whole(folder / MANIFEST, [drawn.model_dump_json(indent=1).encode() + b"\n"])

    def _texts(self, pool: str, rows: int) -> Iterator[str]:
        if is_text(self.study.data[pool]):
            yield from _sampled(texts.find([text_path(self.study, self.study.data[pool])])[0], rows, pool)
        else:
            yield from ("\n".join(turn.content for turn in row.messages) for row in self._from_pool(pool, rows, None).rows)

    def _notes(self, rows: Sequence[TrainingRow], found: Mapping[str, _Given]) -> Iterator[str]:
        for pool, one in found.items():
            if one.drawn.rows < one.drawn.wanted:
                yield f"pool '{pool}' gave {one.drawn.rows:,} rows of the {one.drawn.wanted:,} wanted: it holds no more"
        twice = len(rows) - len({(row.source, row.source_id) for row in rows})
        if twice:
            yield f"{twice:,} rows were drawn from two pools, and occur twice"

    def _from_pool(self, name: str, rows: int, seed: int | None) -> _Given:
        plan, stocked = self._stocked(name, seed)
        stock = stocked.stock
        wants = [Filled(want.share, stock.pools_of(want.sources, want.area)) for want in plan.wants]
        room = {pool: max(one.size, rows) if one.more else one.size for pool, one in stock.pools.items()}
        cells = fill(wants, room, rows)
        wanted: Counter[str] = Counter()
        for (_, pool), n in cells.items():
            wanted[pool] += n
        waiting = {pool: iter(_first(stock.pools[pool], n)) for pool, n in wanted.items()}
        found = [
            TrainingRow(messages=row.messages, area=plan.wants[number].area, source=row.source, source_id=row.id)
            for (number, pool), n in cells.items()
            for row in _next(waiting[pool], n)
        ]
        drawn = DrawnPool(
            wanted=rows,
            rows=len(found),
            available=max(len(found), sum(one.size for one in stock.pools.values())),
            areas=dict(sorted(Counter(row.area for row in found).items())),
        )
        return _Given(tuple(found), drawn, stocked.dropped, stocked.checked, stocked.notes)

    def _stocked(self, name: str, seed: int | None) -> tuple[PoolPlan, Stocked]:
        if (name, seed) not in self._stocks:
            plan = self._plan(name)
            most = max(step.pools.get(name, 0) for step in self.steps if step.step.seed == seed)
            self._stocks[name, seed] = plan, _stock(plan, self._known, most, seed or 0, self.watch)
        return self._stocks[name, seed]

    def _plan(self, name: str) -> PoolPlan:
        plan = pool_plan(self.study, self.culture, name)
        if plan.curate is None:
            return plan
        from harness.rows.dataset import ROWS
        from harness.verbs.curate import curate

        digest = hashlib.sha256(write.canonical(pool_identity(plan)).encode()).hexdigest()[:8]
        out = self.curated / CURATED / f"{name}-{digest}"
        write.make_folder(out)
        curate(plan.curate, out, given=given(plan), workers=1, watch=self.watch)
        return pool_plan(self.study, self.culture, name, out / ROWS)

    def _say(self, what: str, done: int, total: int) -> None:
        if self.watch is not None:
            self.watch(what, done, total)


def read_drawn(folder: Path) -> Drawn:
    """What was drawn into a folder.

    Raises:
        DataError: it is missing, broken, or its rows were changed.
    """
    file, rows = folder / MANIFEST, folder / mixes.ROWS
    try:
        drawn = Drawn.model_validate_json(file.read_bytes())
        with rows.open("rb") as opened:
            has = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=error.filename) from None
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        raise DataError(f"is not what was drawn: {'.'.join(map(str, detail['loc']))}: {detail['msg']}", file=file) from None
    if has != drawn.rows_sha256:
        raise DataError(f"changed since it was drawn (SHA-256 {has[:12]}…, not {drawn.rows_sha256[:12]}…)", file=rows)
    return drawn


def _stock(plan: PoolPlan, known: catalog.Catalog, rows: int, seed: int, watch: Watch | None) -> Stocked:
    """What the pool's sources hold, without what repeats a benchmark. A want stands as what a mix would replay."""
    parts = tuple(Replay(want.area, want.share, (want.sources,), "", (want.area,)) for want in plan.wants)
    asked = Plan(stage="knowledge", weak=(), replay=parts, notes=())
    culture = plan.culture
    return take_stock(culture, known, asked, rows=rows, seed=seed, watch=watch, keep=plan.keep, untagged=plan.untagged)


def _sampled(text: Iterable[str], number: int, pool: str) -> Iterator[str]:
    """`number` lines in their order, or all, none of them held: selection sampling (Knuth, volume 2, 3.4.2, algorithm S)."""
    left, draw = sum(1 for _ in text), random.Random(f"text/{pool}")
    for line in text:
        if draw.random() * left < number:
            number -= 1
            yield line
        left -= 1


def _first(pool: Pool, n: int) -> list[Taught]:
    """The first `n` rows; fewer, where the pool ends."""
    wide = pool.more(n) if pool.more and n > len(pool.rows) else pool
    return list(wide.rows[:n])


def _next(rows: Iterator[Taught], n: int) -> list[Taught]:
    return [row for row, _ in zip(rows, range(n), strict=False)]


def _store(folder: Path, drawn: Drawn, lines: Sequence[bytes], dropped: Sequence[Dropped]) -> None:
    write.make_folder(folder)
    write.drop_leftovers(folder)
    write.write_whole(folder / mixes.ROWS, lines)
    write.write_whole(folder / mixes.DROPPED, mixes.dropped_lines(dropped))
    write.write_whole(folder / MANIFEST, [drawn.model_dump_json(indent=1).encode() + b"\n"])
