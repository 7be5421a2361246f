"""RunRecord -> text of `record.json`; SampleResult -> a line. Whatever is written here can be read back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic_core import PydanticSerializationError

from harness.errors import DataError
from harness.schema import RunRecord, SampleResult

_HEAD: Final = (
    "schema_version",
    "id",
    "model",
    "tasks",
    "benchmarks",
    "complete",
    "comparable",
    "limit",
    "notes",
    "usage",
    "parent",
    "tokens",
)
"""First in the file, so that a list of runs reads only the beginning of each; then the schema's order, scores last."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def record_bytes(record: RunRecord) -> bytes:
    """JSON with one score a line: small, readable, and a diff shows which score changed.

    Raises:
        DataError: a value is NaN or infinite.
    """
    try:
        fields = json.loads(json.dumps(record.model_dump(), allow_nan=False, default=str))
    except ValueError as error:
        raise DataError(f"the record of run '{record.id}' holds a value that is no number ({error})") from None
    order = [*_HEAD, *(name for name in fields if name not in _HEAD and name != "scores"), "scores"]
    text = "{\n" + ",\n".join(f"{_json(name)}: {_value(fields[name])}" for name in order) + "\n}\n"
    return _SURROGATE.sub("\ufffd", text).encode()


def sample_lines(results: Iterable[SampleResult]) -> Iterator[bytes]:
    """One line each.

    Raises:
        DataError: a value is NaN or infinite.
    """
    for result in results:
        _check_numbers(result)
        try:
            yield result.model_dump_json().encode() + b"\n"
        except PydanticSerializationError:
            # Endpoints were seen to send half a surrogate pair, which UTF-8 cannot hold.
            text = _json(result.model_dump())
            yield _SURROGATE.sub("\ufffd", text).encode() + b"\n"


def _check_numbers(result: SampleResult) -> None:
    score = result.verdict.score if result.verdict else None
    numbers = (*result.metrics.values(), score or 0.0, result.zh_share or 0.0, result.script_share or 0.0)
    if not all(map(math.isfinite, numbers)):
        raise DataError(f"sample {result.sample.id} of task {result.task} has a value that is no number: {result.metrics}")


def _value(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n " + ",\n ".join(map(_json, value)) + "\n]"
    if isinstance(value, dict) and len(value) > 3:
        return "{\n " + ",\n ".join(f"{_json(k)}: {_json(v)}" for k, v in value.items()) + "\n}"
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
