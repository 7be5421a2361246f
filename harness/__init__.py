"""culture-harness: measure an English LLM in another culture, adapt it, and prove what was done.

>>> import harness
>>> record = harness.evaluate("demo-en", ["demo"])            # doctest: +SKIP
>>> found = harness.diagnose(record.id, culture="demo")       # doctest: +SKIP
>>> rows = harness.mix(found, stage="knowledge")              # doctest: +SKIP
>>> trained = harness.train("demo-en", rows)                  # doctest: +SKIP
>>> record.to_frame()                                         # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from harness.runs import load_run
    from harness.verbs.compare import compare
    from harness.verbs.curate import curate
    from harness.verbs.diagnose import diagnose
    from harness.verbs.evaluate import evaluate
    from harness.verbs.gate import gate
    from harness.verbs.mix import mix
    from harness.verbs.train import train

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "curate", "diagnose", "evaluate", "gate", "load_run", "mix", "train"]

_ROOMS: Final = {"load_run": "harness.runs"}


def __getattr__(name: str) -> Any:
    """Verbs are imported at first use: `import harness` stays instant."""
    if name not in __all__:
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_ROOMS.get(name, f"harness.verbs.{name}")), name)
