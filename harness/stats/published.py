"""published tables, parsed -> CellCheck*: every printed cell, done again from integer counts by `aggregate`'s micro and macro.

If these functions give back what the papers printed, then a run's Overall is the papers' Overall, and the cells that differ are
misprints of the papers. The conventions: A-Eval and CHiSafetyBench print micro averages; the MCQ table of arXiv 2406.18192 prints
the macro of its own two-decimal cells (19.63, where the exact macro is 19.62); BELLE prints the macro of 9 or 8 categories.
The tables lie in `leaderboards/published/results.json`; the caller reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from harness.stats.aggregate import macro, micro

Block = Mapping[str, Any]
Counts = Mapping[str, int | None]
Series = tuple[list[int], int]
"""Counts of one curve, a model each, and their denominator."""

OVERALL: Final = "Overall"
RATE_TABLES: Final = ("paper_table2_aeval", "chisafetybench_v1_mcq", "chisafetybench_v2_mcq", "deepseek_secondary")
MACRO_TABLE: Final = "paper_table3_mcq"
REFUSAL_TABLES: Final = ("paper_table4_refusal", "chisafetybench_v1_refusal", "chisafetybench_v2_refusal")
REFUSAL_METRICS: Final = ("RR-1", "RR-2", "HR")
AVERAGE_TABLES: Final = frozenset({"belle_table5", "belle_table2", "unichat_internal"})
BELLE_MACROS: Final = {"macro_ave": frozenset[str](), "macro_ave_wo_others": frozenset({"others"})}
"""Printed average -> categories it leaves out."""


@dataclass(frozen=True, slots=True)
class CellCheck:
    """One printed (or charted) number and what the arithmetic gives."""

    id: str
    """`table/row/column`, with `/metric` where a cell holds several."""
    printed: float
    recomputed: float | None
    """At the precision of the table; None if no count makes the printed value or its parts."""
    tolerance: float = 0.0
    """What the rounding of the inputs can move (BELLE averages three-decimal means); 0 where the inputs are counts."""

    @property
    def agrees(self) -> bool:
        """Whether the source and the arithmetic say the same."""
        return self.recomputed is not None and abs(self.printed - self.recomputed) <= self.tolerance + 1e-9


def percent(x: float, decimals: int = 2) -> float:
    """`x` (0-1) as a percentage, rounded half up as in the papers; no published cell lies on a tie."""
    return rounded(100 * x, decimals)


def rounded(x: float, decimals: int) -> float:
    """`x` rounded half up in decimal, so that a sum of printed values is not at the mercy of its binary form."""
    return float(Decimal(f"{x:.10f}").quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def nearest_count(printed: float, n: int) -> int | None:
    """The k with percent(k / n) = `printed`, or None if there is none. Unique at two decimals for n < 10,000."""
    guess = round(printed * n / 100)
    return next((k for k in (guess, guess - 1, guess + 1) if 0 <= k <= n and percent(k / n) == printed), None)


def printed_checks(published: Block) -> tuple[CellCheck, ...]:
    """All cells printed in the tables of the adaptation paper and of CHiSafetyBench, and in one secondary source.

    A cell of one area agrees if its count gives back what is printed; an overall, if the counts of the areas do (if one of those
    is unknown: its own count); a cell with dialogue history, if the pooled table less the table without history does.
    """
    blocks = _blocks(published)
    found = [check for name in RATE_TABLES for check in _rate_table(_sized(blocks, name))]
    found += _macro_table(blocks[MACRO_TABLE])
    found += [check for name in REFUSAL_TABLES for check in _refusal_table(blocks[name])]
    found += _history_table(blocks)
    return tuple(found)


def average_checks(published: Block) -> tuple[CellCheck, ...]:
    """The averages of printed means: BELLE's macro over 9 and 8 categories, and a laboratory's internal test."""
    blocks = _blocks(published)
    return (*_belle_table5(blocks["belle_table5"]), *_belle_table2(blocks), *_internal(blocks["unichat_internal"]))


def chart_checks(published: Block) -> tuple[CellCheck, ...]:
    """Counts read from the A-Eval charts: sub-tasks make up categories; categories and difficulties make up the overall ACC."""
    block = _blocks(published)["aeval_charts"]
    return (*_chart_categories(block), *_chart_overalls(block))


def _blocks(published: Block) -> dict[str, Block]:
    return {block["id"]: block for block in published["results"]}


def _sized(blocks: Mapping[str, Block], name: str) -> Block:
    """The block, with the denominators of the same benchmark's table where it has none itself."""
    block = blocks[name]
    return block if "n" in block else {**block, "n": blocks["chisafetybench_v2_mcq"]["n"]}


def _rate_table(block: Block) -> Iterator[CellCheck]:
    for row in block["rows"]:
        for column, printed in row["printed"].items():
            value = _area(row["count"], block["n"], column) if column != OVERALL else _overall(row["count"], block["n"])
            yield CellCheck(f"{block['id']}/{row['model']}/{column}", printed, value)


def _macro_table(block: Block) -> Iterator[CellCheck]:
    for row in block["rows"]:
        areas = {name: value for name, value in row["printed"].items() if name != OVERALL}
        for column, printed in row["printed"].items():
            value = rounded(_macro_of(areas), 2) if column == OVERALL else _area(row["count"], block["n"], column)
            yield CellCheck(f"{block['id']}/{row['model']}/{column}", printed, value)


def _refusal_table(block: Block) -> Iterator[CellCheck]:
    for row in block["rows"]:
        for column, cells in row["printed"].items():
            for metric in REFUSAL_METRICS:
                counts = {area: row["count"][area][metric] for area in block["n"]}
                value = _overall(counts, block["n"]) if column == OVERALL else _area(counts, block["n"], column)
                yield CellCheck(f"{block['id']}/{row['model']}/{column}/{metric}", cells[metric], value)


def _history_table(blocks: Mapping[str, Block]) -> Iterator[CellCheck]:
    """`without` is version 1's overall; `with` is what version 2's overall, which pools the two, has beyond it."""
    block = blocks["chisafetybench_v2_history"]
    first = {row["model"]: row["count"][OVERALL] for row in blocks["chisafetybench_v1_refusal"]["rows"]}
    pooled = {row["model"]: row["count"][OVERALL] for row in blocks["chisafetybench_v2_refusal"]["rows"]}
    for row in block["rows"]:
        for metric, cells in row["printed"].items():
            without = first[row["model"]][metric]
            counts = {"without": without, "with": pooled[row["model"]][metric] - without}
            for column, printed in cells.items():
                name = f"{block['id']}/{row['model']}/{column}/{metric}"
                yield CellCheck(name, printed, _area(counts, block["n"], column))


def _belle_table5(block: Block) -> Iterator[CellCheck]:
    for row in block["rows"]:
        for average in BELLE_MACROS:
            name = f"{block['id']}/{row['factor']}/{row['base']}/{row['data']}/{average}"
            yield CellCheck(name, row["printed"][average], _belle_macro(row, average), tolerance=0.001)


def _belle_table2(blocks: Mapping[str, Block]) -> Iterator[CellCheck]:
    full = {(row["base"], row["data"]): row for row in blocks["belle_table5"]["rows"]}
    for row in blocks["belle_table2"]["rows"]:
        name = f"belle_table2/{row['factor']}/{row['base']}/{row['data']}"
        value = _belle_macro(full[row["base"], row["data"]], "macro_ave_wo_others")
        yield CellCheck(name, row["score"], value, tolerance=0.001)


def _belle_macro(row: Block, average: str) -> float:
    left_out = BELLE_MACROS[average] | BELLE_MACROS.keys()
    return rounded(_macro_of({name: value for name, value in row["printed"].items() if name not in left_out}), 3)


def _internal(block: Block) -> Iterator[CellCheck]:
    for row in block["rows"]:
        *parts, average = row["printed"]
        value = rounded(_macro_of({str(i): part for i, part in enumerate(parts)}), 2)
        yield CellCheck(f"{block['id']}/{row['model']}/{row['note']}", average, value)


def _chart_categories(block: Block) -> Iterator[CellCheck]:
    for area, series in block["category_count"].items():
        subtasks = {name: task for name, task in block["subtask"].items() if task["area"] == area}
        for threshold, counts in series.items():
            parts = {name: (task["count"][threshold], task["n"]) for name, task in subtasks.items()}
            yield from _chart_series(block, f"{area}/{threshold}", (counts, block["n"][area]), parts)


def _chart_overalls(block: Block) -> Iterator[CellCheck]:
    whole = block["overall_count"]
    by_area = {key: {area: curves[key] for area, curves in block["category_count"].items()} for key in ("T60", "T90")}
    for label, split in (("areas", by_area), ("difficulty", block["difficulty_count"])):
        for key, series in split.items():
            parts = {name: (counts, block["n"][name]) for name, counts in series.items()}
            yield from _chart_series(block, f"{OVERALL}/{label}/{key}", (whole[key], block["n"][OVERALL]), parts)


def _chart_series(block: Block, label: str, whole: Series, parts: Mapping[str, Series]) -> Iterator[CellCheck]:
    counts, n = whole
    for i, (model, k) in enumerate(zip(block["models"], counts, strict=True)):
        groups = {name: (float(series[i]), size) for name, (series, size) in parts.items()}
        yield CellCheck(f"{block['id']}/{model}/{label}", percent(k / n), percent(micro(groups)))


def _area(counts: Counts, sizes: Mapping[str, int], column: str) -> float | None:
    k = counts[column]
    return None if k is None else percent(micro({column: (k, sizes[column])}))


def _overall(counts: Counts, sizes: Mapping[str, int]) -> float | None:
    """Micro over all areas; None if the count of one is unknown."""
    known = {area: k for area in sizes if area != OVERALL and (k := counts.get(area)) is not None}
    if len(known) < len(sizes) - 1:
        k = counts.get(OVERALL)
        return None if k is None else percent(k / sizes[OVERALL])
    return percent(micro({area: (k, sizes[area]) for area, k in known.items()}))


def _macro_of(means: Mapping[str, float]) -> float:
    return macro({name: (mean, 1) for name, mean in means.items()})
