"""`leaderboards/published/` -> PublishedRow*: what papers print, with what their own counts give.

`results.json` holds the tables as they were printed; `tables.toml` says which of them speaks of which benchmark here. Both are
data: another culture's tables are added without code. Published numbers come from other judges, prompts and answer keys than
ours, so they stand beside measured ones and are never ranked with them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from harness.errors import DataError
from harness.ranking.means import Averaged, mean_rows
from harness.schema import Average, BaselineRow, BoardScore, PublishedCell, PublishedRow
from harness.schema.evaluation import Frozen
from harness.stats.aggregate import SAFETY, macro, micro
from harness.stats.intervals import macro_interval, rate_interval
from harness.stats.published import (
    AVERAGE_TABLES,
    MACRO_TABLE,
    OVERALL,
    RATE_TABLES,
    REFUSAL_TABLES,
    CellCheck,
    average_checks,
    nearest_count,
    percent,
    printed_checks,
)

FOLDER: Final = "published"
RESULTS: Final = "results.json"
TABLES: Final = "tables.toml"
METRICS: Final = {"acc": None, "rr_1": "RR-1", "rr_2": "RR-2", "hr": "HR"}
"""Metric -> its name in a published cell; None where a cell is one number."""
_CHECKED: Final = frozenset({*RATE_TABLES, MACRO_TABLE, *REFUSAL_TABLES, "chisafetybench_v2_history"})


class _Table(Frozen):
    block: str
    label: str
    culture: str
    benchmark: str
    printed: Average
    column: str | None = None
    chart: str | None = None
    sizes: str | None = None
    averages: dict[str, Averaged] = Field(default_factory=dict)
    """Metric -> the column that averages it, of a table of printed means."""
    factors: str | None = None
    """Block that lists the rows of this one under every factor that they are compared by."""
    remarks: tuple[str, ...] = ()


class _Model(Frozen):
    stage: Literal["base", "vocabulary", "knowledge", "safety", "mixed"] | None = None
    parent: str | None = None


class _File(Frozen):
    table: tuple[_Table, ...] = ()
    models: dict[str, _Model] = Field(default_factory=dict)
    options: dict[str, dict[str, dict[int, int]]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """All published tables of a folder."""

    file: _File
    blocks: Mapping[str, Mapping[str, Any]]
    checks: Mapping[str, CellCheck]

    def benchmarks(self, culture: str) -> tuple[str, ...]:
        """Those that a culture's tables speak of, in the order of the file."""
        return tuple(dict.fromkeys(table.benchmark for table in self.file.table if table.culture == culture))

    def cultures(self) -> tuple[str, ...]:
        """Those that have a table, sorted."""
        return tuple(sorted({table.culture for table in self.file.table}))

    def metrics(self, culture: str, benchmark: str) -> tuple[str, ...]:
        """Metrics that the rows of a benchmark carry."""
        return tuple(metric for metric in self._words() if self.rows(culture, benchmark, metric))

    def remarks(self, culture: str, benchmark: str) -> tuple[str, ...]:
        """What a reader must know of the tables of a benchmark."""
        wanted = [table for table in self.file.table if (table.culture, table.benchmark) == (culture, benchmark)]
        return tuple(f"{table.label}: {remark}" for table in wanted for remark in table.remarks)

    def rows(self, culture: str, benchmark: str, metric: str) -> tuple[PublishedRow, ...]:
        """The rows of a benchmark by one metric, in the order of their sources."""
        wanted = [table for table in self.file.table if (table.culture, table.benchmark) == (culture, benchmark)]
        return tuple(row for table in wanted for row in self._table(table, metric))

    def options(self, benchmark: str) -> BaselineRow | None:
        """What guessing scores, by the number of options; None where that is not on file."""
        counts = self.file.options.get(benchmark)
        if not counts:
            return None
        sums = {area: (sum(k / n for n, k in by.items()), sum(by.values())) for area, by in counts.items()}
        return BaselineRow(
            name="chance",
            overall={"micro": micro(sums), "macro": macro(sums)},
            dimensions={area: total / n for area, (total, n) in sums.items()},
        )

    def misprints(self, culture: str) -> tuple[str, ...]:
        """A line for each printed number that disagrees with its own counts, in the order of the tables."""
        found = []
        for table in (one for one in self.file.table if one.culture == culture):
            for metric in self._words():
                for row in self._table(table, metric):
                    cells = {OVERALL: row.overall, **row.dimensions}
                    found += [_misprint(row, place, metric, cell) for place, cell in cells.items() if cell and cell.misprint]
        return tuple(dict.fromkeys(found))

    def _words(self) -> tuple[str, ...]:
        """All metrics that a cell may be of."""
        return tuple(dict.fromkeys((*METRICS, *(metric for table in self.file.table for metric in table.averages))))

    def _table(self, table: _Table, metric: str) -> Iterator[PublishedRow]:
        block = self.blocks[table.block]
        if table.averages:
            if metric in table.averages:
                listed = self.blocks[table.factors]["rows"] if table.factors else ()
                yield from mean_rows(block, table.averages, metric, table.label, self.checks, listed)
            return
        if table.chart:
            if metric == "acc":
                yield from _chart(self, table, block)
            return
        sizes: Mapping[str, int] = block["n"] if "n" in block else self.blocks[str(table.sizes)]["n"]
        for row in block["rows"]:
            cells = dict(self._cells(table, row, metric, sizes))
            if cells:
                yield _row(self, table, row["model"], metric, cells, sizes)

    def _cells(
        self, table: _Table, row: Mapping[str, Any], metric: str, sizes: Mapping[str, int]
    ) -> Iterator[tuple[str, PublishedCell]]:
        """Place -> cell: three layouts, one number a cell, metrics inside a cell, or columns inside a metric."""
        if metric not in METRICS:
            return
        word = METRICS[metric]
        if table.column is not None:
            if word in row["printed"]:
                printed, count = (row[kind][word][table.column] for kind in ("printed", "count"))
                name = f"{table.block}/{row['model']}/{table.column}/{word}"
                yield OVERALL, self._cell(name, printed, count, sizes[table.column])
            return
        for place, value in row["printed"].items():
            if isinstance(value, dict) != (word is not None):
                continue
            printed, count = (value, row["count"][place]) if word is None else (value[word], row["count"][place][word])
            name = f"{table.block}/{row['model']}/{place}" + (f"/{word}" if word else "")
            yield place, self._cell(name, printed, count, sizes[place])

    def _cell(self, name: str, printed: float, count: int | None, n: int) -> PublishedCell:
        check = self.checks.get(name)
        given = check.recomputed if check else percent(count / n) if count is not None else None
        wrong = not check.agrees if check else given is not None and given != printed
        return PublishedCell(printed=printed, count=count, n=n, misprint=wrong, given=given)


def read(folder: Path) -> Published:
    """The published tables below a folder of leaderboards; none, if it holds none.

    Raises:
        DataError: a file is broken, or names a table or model that is not there.
    """
    file, results = folder / FOLDER / TABLES, folder / FOLDER / RESULTS
    if not file.is_file():
        return Published(_File(), {}, {})
    try:
        said = _File.model_validate(tomllib.loads(file.read_text("utf-8")))
        blocks = {block["id"]: block for block in json.loads(results.read_bytes())["results"]}
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        raise DataError(f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}", file=file) from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not TOML ({error})", file=file) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"cannot be read ({error})", file=results) from None
    for table in said.table:
        for name in filter(None, (table.block, table.sizes, table.factors)):
            if name not in blocks:
                raise DataError(f"names '{name}', which {RESULTS} does not hold", file=file)
    whole = {"results": list(blocks.values())}
    checks = printed_checks(whole) if blocks.keys() >= _CHECKED else ()
    means = average_checks(whole) if blocks.keys() >= AVERAGE_TABLES else ()
    return Published(said, blocks, {check.id: check for check in (*checks, *means)})


def _chart(published: Published, table: _Table, block: Mapping[str, Any]) -> Iterator[PublishedRow]:
    """Rows of a chart that holds counts, a curve for each area."""
    sizes = {place: n for place, n in block["n"].items() if place == OVERALL or place in block["category_count"]}
    areas = {area: curves[table.chart] for area, curves in block["category_count"].items()}
    for place, model in enumerate(block["models"]):
        counts = {OVERALL: block["overall_count"][table.chart][place], **{area: curve[place] for area, curve in areas.items()}}
        cells = {
            name: PublishedCell(printed=None, count=k, n=sizes[name], misprint=False, given=percent(k / sizes[name]))
            for name, k in counts.items()
        }
        yield _row(published, table, model, "acc", cells, sizes)


def _row(
    published: Published, table: _Table, model: str, metric: str, cells: Mapping[str, PublishedCell], sizes: Mapping[str, int]
) -> PublishedRow:
    about = published.file.models.get(model, _Model())
    areas = {place: cell for place, cell in cells.items() if place != OVERALL}
    whole = not table.column and {place for place in sizes if place != OVERALL} <= areas.keys()
    return PublishedRow(
        model=model,
        stage=about.stage,
        parent=about.parent,
        source=table.label,
        table=table.block,
        overall=cells.get(OVERALL),
        printed_as=table.printed,
        counted=_counted(cells.get(OVERALL), list(areas.values()) if whole else [], metric),
        dimensions=areas,
    )


def _counted(overall: PublishedCell | None, areas: list[PublishedCell], metric: str) -> dict[Average, BoardScore]:
    """Averages of the areas' counts; without those, the overall count that the arithmetic allows."""
    known = [(cell.count, cell.n) for cell in areas if cell.count is not None]
    if areas and len(known) == len(areas):
        sums = {str(place): (float(k), n) for place, (k, n) in enumerate(known)}
        groups = [[1.0] * k + [0.0] * (n - k) for k, n in known]
        total = _rate(sum(k for k, _ in known), sum(n for _, n in known), metric)
        return {"micro": total, "macro": BoardScore(value=macro(sums), interval=macro_interval(groups), n=total.n)}
    if overall is None or overall.given is None:
        return {}
    count = nearest_count(overall.given, overall.n)
    return {} if count is None else {"micro": _rate(count, overall.n, metric)}


def _rate(count: int, n: int, metric: str) -> BoardScore:
    return BoardScore(value=count / n, interval=rate_interval(count, n, safety=metric in SAFETY), n=n)


def _misprint(row: PublishedRow, place: str, metric: str, cell: PublishedCell) -> str:
    what = f"{row.source}, {row.model}, {place}" + (f" {word}" if (word := METRICS.get(metric)) else "")
    if row.means:
        return f"{what} {metric}: printed {cell.printed:.{cell.decimals}f}, the categories give {cell.given:.{cell.decimals}f}"
    if cell.given is None:
        return f"{what}: printed {cell.printed:.2f}, which no count of {cell.n:,} gives"
    return f"{what}: printed {cell.printed:.2f}, the counts give {cell.given:.2f}"
