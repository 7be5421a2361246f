"""Two shorthands of culture.toml -> tables by dimension, so that no reader of a Culture meets them.

One number is the standard of every dimension, one list the sources of every dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.catalog import Catalog, Entry
from harness.culture.dimensions import ANY, dimensions_of, mended, metrics_of, places_in
from harness.culture.objections import Objections
from harness.errors import DataError, HarnessError, UsageError


def spell_out(said: dict[str, Any], catalog: Catalog, objections: Objections) -> None:
    """Benchmark by benchmark, in place; one that there is not is objected to and goes."""
    tables, retained = said.get("benchmarks"), said.get("retained")
    if not isinstance(tables, dict):
        return
    for name, table in list(tables.items()):
        if not isinstance(table, dict):
            continue
        try:
            entries = leaves(catalog, name, retained if isinstance(retained, dict) else (), objections)
            _standards(table, name, entries, catalog)
            if isinstance(table.get("sources"), list):
                table["sources"] = dict.fromkeys(known_in(catalog, name, entries) or (ANY,), table["sources"])
        except HarnessError as error:
            if not objections.collects:
                raise
            objections.put(
                error if isinstance(error, DataError) else DataError(f"benchmarks.{name}: {error}", file=objections.file)
            )
            objections.spoilt.add(name)
            del tables[name]


def leaves(catalog: Catalog, benchmark: str, retained: Iterable[str], objections: Objections) -> list[Entry]:
    """Its tasks that are there to be mended: not those that are retained for themselves.

    Raises:
        DataError: there is no such benchmark, or nothing of it is left.
    """
    try:
        found = mended(catalog, benchmark, retained)
    except UsageError as error:
        raise DataError(f"benchmarks.{benchmark}: {error}", file=objections.file) from None
    if not found:
        what = f"benchmarks.{benchmark}: is retained too; what is mended cannot be retained at once"
        raise DataError(what, file=objections.file)
    return [catalog.find(leaf) for leaf in found]


def known_in(catalog: Catalog, benchmark: str, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Dimensions of some tasks of a benchmark, lm-eval's own among them."""
    return dimensions_of(entries, places_in(catalog, benchmark, entries))


def _standards(table: dict[str, Any], name: str, entries: Sequence[Entry], catalog: Catalog) -> None:
    standards = table.get("standards")
    if not isinstance(standards, dict):
        return
    for metric, value in standards.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            having = [entry for entry in entries if metric in metrics_of(entry)] or entries
            standards[metric] = dict.fromkeys(known_in(catalog, name, having) or (ANY,), value)
