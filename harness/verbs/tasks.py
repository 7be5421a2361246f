"""Name of a benchmark, group or task -> BenchmarkFigures, from its items as they are asked."""

from __future__ import annotations

from harness import catalog, folders
from harness.data.figures import figures
from harness.errors import DataError
from harness.schema.benchmark import BenchmarkFigures


def describe(name: str) -> BenchmarkFigures:
    """Count the items of a benchmark: ours, or one of lm-eval's whose data is here.

    Args:
        name: of a benchmark, group or task.

    Raises:
        UsageError: there is none of that name.
        DataError: its data is not here, is broken, or has no item.
    """
    from harness.lm import run

    known = catalog.read()
    leaves = known.leaves(name)
    for entry in map(known.find, leaves):
        if entry.objection:
            raise DataError(f"task '{entry.name}' is not loaded: {entry.objection}")
    loaded = run.load([name], folders.task_folders(), {}, {}, known.under([name]), known.places([name]))
    samples = {leaf: loaded.items(leaf) for leaf in leaves if leaf in loaded.tasks}
    return figures(name, known.find(name).alias.strip(), samples, {leaf: known.find(leaf).alias.strip() for leaf in samples})
