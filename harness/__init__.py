"""culture-harness: measure an English LLM in another culture, adapt it, and prove what was done.

>>> import harness
>>> record = harness.evaluate("demo-en", ["demo"])      # doctest: +SKIP
>>> record.to_frame()                                   # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.runs import load_run
    from harness.verbs.evaluate import evaluate

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate", "load_run"]


def __getattr__(name: str) -> Any:
    """Verbs are imported at first use: `import harness` stays instant."""
    if name == "evaluate":
        from harness.verbs.evaluate import evaluate

        return evaluate
    if name == "load_run":
        from harness.runs import load_run

        return load_run
    raise AttributeError(f"module 'harness' has no attribute '{name}'")
