"""BoardEntry* × published tables × Culture -> Leaderboard: what a page says, before it has any looks.

A table is one benchmark by one metric. Within it, only models that were measured the same way (judge, rubric, key, data, tasks,
generation, template) are ranked together; others make groups of their own, which say in what they differ from the first.
Published rows are never ranked: their judges, prompts and answer keys are others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness import culture as cultures
from harness.catalog import Catalog
from harness.errors import DataError
from harness.ranking.entries import ranked
from harness.ranking.published import Published
from harness.ranking.reading import column
from harness.runs.write import canonical
from harness.schema import (
    Average,
    BaselineRow,
    BoardEntry,
    BoardGroup,
    BoardRow,
    BoardScore,
    BoardSection,
    BoardTable,
    Conditions,
    Culture,
    Leaderboard,
    Place,
    Score,
    SectionName,
)
from harness.stats.baselines import BASELINES
from harness.stats.boards import CEILINGS, SCALE
from harness.stats.paired import compare, pair
from harness.stats.ranks import rank_sets, tiers

TITLES: Final[dict[SectionName, str]] = {
    "knowledge": "Knowledge and skills",
    "choice": "Multiple choice",
    "refusal": "Refusal of risky requests",
    "dialogue": "Refusal with dialogue history",
    "benign": "Harmless requests that look risky",
    "retention": "Retention",
}
"""In the order of the page."""
MOST_DIMENSIONS: Final = 12
"""More have no columns (MMLU has 57)."""
_REFUSALS: Final = frozenset({"rr_1", "rr_2", "hr"})
_BASELINES: Final = dict(zip(BASELINES, ("always A", "always B", "chance"), strict=True))

Values = tuple[float | None, ...]


def build(culture: Culture, known: Catalog, entries: Sequence[BoardEntry], published: Published) -> Leaderboard:
    """All that the page of a culture shows.

    Args:
        culture: whose benchmarks make the tables.
        known: the catalog.
        entries: measured models of this culture.
        published: tables of papers.
    """
    maker = _Maker(culture, known, tuple(sorted(entries, key=lambda entry: entry.name)), published)
    return Leaderboard(
        culture=culture.name,
        title=culture.title,
        entries=tuple(entry.name for entry in maker.entries),
        sections=tuple(maker.sections()),
        misprints=published.misprints(culture.name),
        notes=tuple(_notes(maker.entries)),
    )


def groups(entries: Sequence[BoardEntry], benchmark: str) -> tuple[tuple[BoardEntry, ...], ...]:
    """Entries that were measured the same way, the largest group first (as large: by the first name)."""
    found: dict[str, list[BoardEntry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda one: one.name):
        found[canonical(entry.conditions[benchmark].model_dump(mode="json"))].append(entry)
    return tuple(tuple(group) for group in sorted(found.values(), key=lambda group: (-len(group), group[0].name)))


def differences(one: Conditions, other: Conditions) -> tuple[str, ...]:
    """In what `other` differs from `one`, in words."""
    found = []
    for name, word in _WORDS.items():
        ours, theirs = getattr(one, name), getattr(other, name)
        if ours != theirs:
            shown = f" ({_said(theirs)}, not {_said(ours)})" if name in _SAID else ""
            found.append(f"{word}{shown}")
    return tuple(found)


_WORDS: Final = {
    "judge": "judge",
    "rubrics": "rubric",
    "keys": "answer key",
    "data": "items",
    "tasks": "task version",
    "generation": "generation settings",
    "chat_template": "chat template",
    "threshold": "threshold of ACC",
}
_SAID: Final = frozenset({"judge", "rubrics", "keys", "threshold"})


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(sorted({key.version for key in value.values()})) or "none"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return f"{value:g}" if isinstance(value, float) else "none"


@dataclass(frozen=True)
class _Maker:
    culture: Culture
    known: Catalog
    entries: tuple[BoardEntry, ...]
    published: Published

    def sections(self) -> Iterator[BoardSection]:
        places: dict[SectionName, list[str]] = {name: [] for name in TITLES}
        for benchmark in self._benchmarks():
            places[self._kind(benchmark)].append(benchmark)
        for name, there in places.items():
            tables = tuple(table for benchmark in there for table in self._tables(benchmark, name))
            measured = {table.benchmark for table in tables if table.groups}
            if there:
                yield BoardSection(
                    name=name, title=TITLES[name], tables=tables, unmeasured=tuple(one for one in there if one not in measured)
                )

    def _benchmarks(self) -> tuple[str, ...]:
        """The culture's own, published ones, measured ones, and whatever else its folder aggregates."""
        folder = [n for n, e in self.known.entries.items() if e.aggregates and e.path.is_relative_to(self.culture.folder)]
        measured = [name for entry in self.entries for name in entry.benchmarks]
        named = (*self.culture.benchmarks, *self.published.benchmarks(self.culture.name), *sorted(set(measured)))
        return tuple(dict.fromkeys((*named, *sorted(folder), *self.culture.retained)))

    def _kind(self, benchmark: str) -> SectionName:
        if benchmark in self.culture.retained:
            return "retention"
        metrics = set(self._metrics(benchmark))
        rubrics = [str(self.known.find(leaf).metadata.get("rubric", "")) for leaf in self._leaves(benchmark)]
        if "answered" in metrics or "benign" in benchmark:
            return "benign"
        if metrics & _REFUSALS or any("refusal" in rubric for rubric in rubrics):
            return "dialogue" if "dialogue" in benchmark else "refusal"
        return "knowledge" if any(rubrics) or not rubrics else "choice"

    def _leaves(self, benchmark: str) -> tuple[str, ...]:
        return cultures.mended(self.known, benchmark, self.culture.retained) if benchmark in self.known.entries else ()

    def _metrics(self, benchmark: str) -> tuple[str, ...]:
        """Metrics that get a table."""
        measured = {score.metric for entry in self.entries for score in entry.scores if score.benchmark == benchmark}
        if benchmark in self.culture.retained:
            return ranked(measured, self.culture.retained[benchmark].metric)
        standards = self.culture.benchmarks[benchmark].standards if benchmark in self.culture.benchmarks else {}
        return ranked({*measured, *standards, *self.published.metrics(self.culture.name, benchmark)})

    def _tables(self, benchmark: str, section: SectionName) -> Iterator[BoardTable]:
        for metric in self._metrics(benchmark):
            mine = [entry for entry in self.entries if _find(entry, benchmark, metric, "overall")]
            rows = self.published.rows(self.culture.name, benchmark, metric)
            if not mine and not rows:
                continue
            yield BoardTable(
                benchmark=benchmark,
                title=self.known.entries[benchmark].alias if benchmark in self.known.entries else benchmark,
                metric=metric,
                ceiling=metric in CEILINGS,
                section=section,
                dimensions=self._dimensions(benchmark, metric, mine, [name for row in rows for name in row.dimensions]),
                groups=tuple(_groups(mine, benchmark, metric)),
                published=rows,
                options=self.published.options(benchmark) if rows and metric == "acc" else None,
                remarks=self.published.remarks(self.culture.name, benchmark) if rows else (),
            )

    def _dimensions(self, benchmark: str, metric: str, entries: Sequence[BoardEntry], more: Sequence[str]) -> tuple[str, ...]:
        """In the order of the benchmark's tasks; none if there are too many for columns, or a single one."""
        own = [str(self.known.find(leaf).metadata.get("dimension", "")) for leaf in self._leaves(benchmark)]
        seen = {score.name for entry in entries for score in _find(entry, benchmark, metric, "dimension")} | set(more)
        found = tuple(name for name in dict.fromkeys((*own, *sorted(seen))) if name in seen)
        return found if 1 < len(found) <= MOST_DIMENSIONS else ()


def _notes(entries: Sequence[BoardEntry]) -> Iterator[str]:
    """Each note once, with the models whose runs have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        for note in entry.notes:
            found[note].append(entry.name)
    for note, names in found.items():
        yield f"{'all models' if len(names) == len(entries) > 1 else ', '.join(names)}: {note}"


def _groups(entries: Sequence[BoardEntry], benchmark: str, metric: str) -> Iterator[BoardGroup]:
    if not entries:
        return
    parted = groups(entries, benchmark)
    first = parted[0][0].conditions[benchmark]
    for group in parted:
        conditions = group[0].conditions[benchmark]
        places = _places(group, benchmark, metric)
        rows = [_row(entry, benchmark, metric, places.get(entry.name)) for entry in group]
        yield BoardGroup(
            conditions=conditions,
            differs=differences(first, conditions),
            rows=tuple(sorted(rows, key=lambda row: _order(row, metric))),
            baselines=tuple(_baselines(group[0], benchmark)) if metric == "acc" else (),
        )


def _order(row: BoardRow, metric: str) -> tuple[int, float, str]:
    value = row.overall["micro"].value
    return row.place.tier if row.place else 0, value if metric in CEILINGS else -value, row.name


def _row(entry: BoardEntry, benchmark: str, metric: str, place: Place | None) -> BoardRow:
    covered = [one for one in entry.coverage if one.task in entry.benchmarks[benchmark]]
    return BoardRow(
        name=entry.name,
        stage=entry.stage,
        parent=entry.parent,
        run=entry.run,
        fingerprint=entry.fingerprint,
        overall={score.aggregation: _number(score) for score in _find(entry, benchmark, metric, "overall")},
        dimensions={score.name: _number(score) for score in _find(entry, benchmark, metric, "dimension")},
        judged=sum(one.judged for one in covered),
        asked=sum(one.n for one in covered),
        keys=entry.conditions[benchmark].keys,
        judge=entry.conditions[benchmark].judge,
        place=place,
    )


def _find(entry: BoardEntry, benchmark: str, metric: str, scope: str) -> list[Score]:
    return [s for s in entry.scores if (s.benchmark, s.metric, s.scope, s.subset) == (benchmark, metric, scope, "all")]


def _number(score: Score) -> BoardScore:
    return BoardScore(value=score.value, interval=score.interval, n=score.n)


def _baselines(entry: BoardEntry, benchmark: str) -> Iterator[BaselineRow]:
    """Of the items and the key, so that one entry of a group speaks for all."""
    for metric, name in _BASELINES.items():
        overall: dict[Average, float] = {s.aggregation: s.value for s in _find(entry, benchmark, metric, "overall")}
        if overall:
            parts = {s.name: s.value for s in _find(entry, benchmark, metric, "dimension")}
            yield BaselineRow(name=name, overall=overall, dimensions=parts)


def _places(group: Sequence[BoardEntry], benchmark: str, metric: str) -> dict[str, Place]:
    """Model -> where it may stand; empty for one alone, and where values are no shares."""
    if len(group) < 2:
        return {}
    columns, units = _aligned(group, benchmark, metric)
    values = [value for found in columns.values() for value in found if value is not None]
    if not values or not all(0 <= value <= 1 for value in values):
        return {}
    found = rank_sets(columns, units, seed=f"ranks-v1/{benchmark}/{metric}")
    first = found[0].name
    tier = {name: number for number, names in enumerate(tiers(found), 1) for name in names}
    return {
        one.name: Place(
            tier=tier[one.name],
            low=one.low,
            high=one.high,
            of=len(group),
            behind=None if one.name == first else _behind(columns[one.name], columns[first], units),
        )
        for one in found
    }


def _aligned(group: Sequence[BoardEntry], benchmark: str, metric: str) -> tuple[dict[str, Values], tuple[str, ...]]:
    """Values 0-1 of each model on all items, more being better, and the hash of each item; `data` says that they are the same.

    Raises:
        DataError: they are not.
    """
    found = {entry.name: column(entry, benchmark, metric) for entry in group}
    items = sorted(found[group[0].name])
    for name, values in found.items():
        if values.keys() != found[group[0].name].keys():
            raise DataError(
                f"entries '{group[0].name}' and '{name}' say that they were asked the same items of {benchmark}, and do not hold "
                "the same; add their runs again"
            )
    turned = metric in CEILINGS
    columns = {
        name: tuple(_better(values.get(key), turned, SCALE.get(metric, 1.0)) for key in items) for name, values in found.items()
    }
    return columns, tuple(name.rpartition("/")[2] for name, _ in items)


def _better(value: float | None, turned: bool, scale: float) -> float | None:
    return None if value is None else 1 - value / scale if turned else value / scale


def _behind(values: Values, first: Values, units: Sequence[str]) -> BoardScore:
    kept = [place for place, (one, other) in enumerate(zip(values, first, strict=True)) if (one, other) != (None, None)]
    before, after = ([column[place] or 0.0 for place in kept] for column in (values, first))
    score = compare(pair(before, after, [units[place] for place in kept]))
    return BoardScore(value=score.delta, interval=score.interval, n=score.n)
