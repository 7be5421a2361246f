"""A policy file -> Policy. A policy is data: what it does not know is refused.

Policies lie at `tasks/<culture>/policies/<name>.toml` of any home and go by `<culture>/<name>`; `contract` is a culture's own,
and what `<culture>` alone means. `regression` is built in: every main metric of what was measured, and nothing but drops.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness import catalog, culture, folders
from harness.errors import DataError, UsageError, unknown
from harness.schema import Policy, Rule, RunRecord

FOLDER: Final = "policies"
CONTRACT: Final = "contract"
REGRESSION: Final = "regression"
LARGEST: Final = 1 << 20
"""Bytes of a policy file at most."""
MAIN: Final = ("acc", "acc_norm", "exact_match", "score", "rating", "rr_1", "rr_2", "hr", "answered")
"""Metrics that the built-in policy watches, where a run has them."""


def names() -> tuple[str, ...]:
    """Names of all policies, sorted, the built-in one last."""
    return (*sorted(_files()), REGRESSION)


def load(name_or_path: str) -> Policy:
    """One policy, checked, with the retained tasks of its culture as rules.

    Raises:
        UsageError: there is no policy of that name or path.
        DataError: the file is broken, or names something that does not exist.
    """
    if name_or_path.endswith(".toml") or name_or_path.startswith((".", "/", "~")):
        file = Path(name_or_path).expanduser()
        if not file.is_file():
            raise UsageError(f"there is no policy at '{name_or_path}'; give its file, or a name: {', '.join(names())}")
    else:
        found = _files()
        known = name_or_path if name_or_path in found else f"{name_or_path}/{CONTRACT}"
        if known not in found:
            raise unknown("policy", name_or_path, (*found, REGRESSION))
        return _read(found[known], known)
    return _read(file, name_or_path)


def choose(wanted: str | None, baseline: RunRecord) -> Policy:
    """The policy that was asked for; by default the contract of the culture that the baseline measured whole, else `regression`.

    Raises:
        UsageError: there is no such policy.
        DataError: its file is broken.
    """
    if wanted == REGRESSION:
        return regression(baseline)
    if wanted is not None:
        return load(wanted)
    measured = set(baseline.tasks)
    for name in _files():
        if name.endswith(f"/{CONTRACT}") and set(tasks(load(name))) <= measured:
            return load(name)
    return regression(baseline)


def regression(*records: RunRecord) -> Policy:
    """Every main metric that all these runs have, overall; FAIL on proof of a drop."""
    shared = set.intersection(*({(s.benchmark, s.metric) for s in one.scores if s.scope == "overall"} for one in records))
    rules = tuple(
        Rule(benchmark=name, metric=metric) for name in records[0].benchmarks for metric in MAIN if (name, metric) in shared
    )
    return builtin().model_copy(update={"rules": rules})


def builtin() -> Policy:
    """The built-in policy, before it is known what was measured: it has no rules yet."""
    return Policy(name=REGRESSION, title="no metric may drop", source=REGRESSION)


def restrict(policy: Policy, wanted: Sequence[str]) -> Policy:
    """Only the rules of some benchmarks.

    Raises:
        UsageError: the policy has no rule for one of them.
    """
    there = dict.fromkeys(rule.benchmark for rule in policy.rules)
    for name in wanted:
        if name not in there:
            raise unknown(f"benchmark in policy '{policy.name}'", name, there)
    return policy.model_copy(update={"rules": tuple(rule for rule in policy.rules if rule.benchmark in wanted)})


def tasks(policy: Policy, baseline: RunRecord | None = None) -> tuple[str, ...]:
    """Leaf tasks that a policy reads; the built-in one reads of each benchmark what `baseline` holds.

    Raises:
        UsageError: a benchmark does not exist.
    """
    known = catalog.read().under(benchmarks(policy))
    found = tuple(dict.fromkeys(entry.name for entry in known if not entry.is_group))
    if baseline is None or policy.source != REGRESSION:
        return found
    return tuple(name for name in found if name in baseline.tasks)


def benchmarks(policy: Policy) -> tuple[str, ...]:
    """Benchmarks and tasks that a policy reads, as its rules name them."""
    return tuple(dict.fromkeys(rule.benchmark for rule in policy.rules))


def _files() -> dict[str, Path]:
    """`culture/name` -> file."""
    found: dict[str, Path] = {}
    for folder in folders.task_folders():
        for file in sorted(folder.glob(f"*/{FOLDER}/*.toml")):
            found.setdefault(f"{file.parent.parent.name}/{file.stem}", file)
    return found


def _read(file: Path, source: str) -> Policy:
    try:
        if file.stat().st_size > LARGEST:
            raise DataError(f"is larger than {LARGEST >> 20} MiB, which no policy is", file=file)
        raw = file.read_bytes()
        said = tomllib.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"not TOML ({error})", file=file) from None
    for name in ("source", "digest"):
        if name in said:
            raise DataError(f"'{name}' is not for the file to say", file=file)
    said.setdefault("name", file.stem)
    policy = _built(file, {**said, "source": source, "digest": hashlib.sha256(raw).hexdigest()})
    policy = policy.model_copy(update={"rules": (*policy.rules, *_retained(policy, file))})
    if not policy.rules:
        raise DataError("has no [[rules]]; without one nothing is judged", file=file)
    known = catalog.read()
    for rule in policy.rules:
        _check(rule, file, known)
    _check_once(policy.rules, file)
    for name, value in (("alpha", policy.alpha), ("beta", policy.beta), ("missing", policy.missing)):
        if not 0 <= value < 1 or (value == 0 and name != "missing"):
            raise DataError(f"{name}: {value:g} is no share; write 0.05 for 5%", file=file)
        if value >= 0.5 and name != "missing":
            raise DataError(f"{name}: at {value:g} a candidate that equals its baseline may fail; stay below 0.5", file=file)
    return policy


def _built(file: Path, said: dict[str, Any]) -> Policy:
    try:
        return Policy.model_validate(said)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        detail = min(details, key=lambda one: one["type"] != "extra_forbidden")
        place = ".".join(str(part) for part in detail["loc"])
        kind = "no such setting" if detail["type"] == "extra_forbidden" else detail["msg"]
        raise DataError(f"{place}: {kind}", file=file) from None


def _retained(policy: Policy, file: Path) -> Iterator[Rule]:
    if (policy.culture is None) != (policy.retained is None):
        raise DataError("'culture' and 'retained' belong together: whose retained tasks, and which question", file=file)
    if policy.culture is None or policy.retained is None:
        return
    for name, kept in culture.load(policy.culture).retained.items():
        yield Rule(benchmark=name, metric=kept.metric, question=policy.retained, margin=kept.margin)


def _check(rule: Rule, file: Path, known: catalog.Catalog) -> None:
    where = f"rules.{rule.benchmark}.{rule.metric}"
    try:
        _check_named(rule, known)
    except UsageError as error:
        raise DataError(f"{where}: {error}", file=file) from None
    if rule.margin is not None and not 0 <= rule.margin <= 1:
        raise DataError(f"{where}.margin: {rule.margin:g} is no share; write 0.02 for two points", file=file)
    if not 0 <= rule.tolerance < 1:
        raise DataError(f"{where}.tolerance: {rule.tolerance:g} is no share; write 0.005 for half a point", file=file)
    if rule.tolerance and rule.question != "regression":
        raise DataError(f"{where}: a tolerance belongs to a regression rule; '{rule.question}' has a margin", file=file)


def _check_once(rules: Iterable[Rule], file: Path) -> None:
    """A line that stands there twice is counted twice by Holm, which makes every other one stricter."""
    seen: set[tuple[object, ...]] = set()
    for rule in rules:
        line = (rule.benchmark, rule.metric, frozenset(rule.dimensions), rule.each, rule.subset, rule.question)
        where = f"rules.{rule.benchmark}.{rule.metric}"
        if line in seen:
            raise DataError(f"{where}: asks the same twice ({rule.question}, {rule.subset} items); leave one out", file=file)
        if len(set(rule.dimensions)) < len(rule.dimensions):
            raise DataError(f"{where}: a dimension is named twice ({', '.join(rule.dimensions)})", file=file)
        seen.add(line)


def _check_named(rule: Rule, known: catalog.Catalog) -> None:
    """Of a benchmark of ours, metric and dimensions too; lm-eval's own tasks say theirs only when they are run."""
    entries = [entry for entry in known.under((rule.benchmark,)) if not entry.is_group]
    if not all(entry.name in known.entries for entry in entries):
        return
    metrics = {metric for entry in entries for metric in culture.metrics_of(entry)}
    if rule.metric not in metrics:
        raise unknown(f"metric of '{rule.benchmark}'", rule.metric, metrics)
    dimensions = culture.dimensions_of(entries)
    for name in rule.dimensions if dimensions else ():
        if name not in dimensions:
            raise unknown(f"dimension of '{rule.benchmark}'", name, dimensions)


def listed() -> Iterable[Policy]:
    """All policies of files, by name.

    Raises:
        DataError: one of them is broken.
    """
    return [load(name) for name in sorted(_files())]
