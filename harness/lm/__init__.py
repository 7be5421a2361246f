"""The only room that knows lm-eval: datasets, task classes, the response store, the backends behind it.

Everything version-specific about lm-eval is kept here (written against 0.4.13), so that a new release is one room's work.
Task YAML names `harness.lm.datasets.*` and `harness.lm.tasks.*`, which is why the same files run under plain `lm-eval`.
"""
