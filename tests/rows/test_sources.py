"""Where a source's file is looked for, and what is said when it is nowhere."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from harness import culture
from harness.errors import DataError, UsageError
from harness.rows.sources import find, identities
from harness.schema import Culture, Source


def made(folder: Path, **sources: dict[str, Any]) -> Culture:
    said = {"path": "rows.json", "format": "alpaca", "licence": "CC BY-NC 4.0"}
    declared = {name: Source.model_validate({**said, **more}) for name, more in sources.items()}
    return culture.load("demo").model_copy(update={"sources": declared, "folder": str(folder)})


def test_a_file_beside_the_culture_goes_before_the_users_data_and_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, cache = tmp_path / "own", tmp_path / "cache"
    monkeypatch.setenv("HARNESS_DATA", str(own))
    monkeypatch.setenv("HARNESS_CACHE", str(cache))
    wanted = made(tmp_path / "culture", rows={})
    for folder in (cache / "data", own / "training", own, tmp_path / "culture"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rows.json").write_text("[]")
        assert find(wanted, "rows") == folder / "rows.json"


def test_a_missing_file_is_one_line_with_path_licence_and_origin(tmp_path: Path) -> None:
    wanted = made(tmp_path, rows={"about": "GitHub example/rows"}, other={"path": "a/other.json"})
    with pytest.raises(DataError) as error:
        find(wanted, "rows")
    assert str(error.value) == (
        "source 'rows' is not here: put rows.json (licence CC BY-NC 4.0) at $HARNESS_DATA/training/rows.json "
        f"or {tmp_path}/rows.json: GitHub example/rows"
    )
    with pytest.raises(DataError, match=r"put a/other.json .* or .*a/other.json$"):
        find(wanted, "other")


def test_a_file_with_an_address_is_downloaded_unless_offline(tmp_path: Path) -> None:
    wanted = made(tmp_path, rows={"url": "https://example.org/rows.json", "sha256": "0" * 64})
    with pytest.raises(DataError, match=r"licence CC BY-NC 4.0.*; get it from https://example.org/rows.json.* HF_HUB_OFFLINE"):
        find(wanted, "rows")


def test_a_file_of_another_hash_is_refused(tmp_path: Path) -> None:
    right = hashlib.sha256(b"[]").hexdigest()
    (tmp_path / "rows.json").write_text("[]")
    assert find(made(tmp_path, rows={"sha256": right}), "rows") == tmp_path / "rows.json"
    with pytest.raises(DataError, match=f"rows.json: source 'rows' should have SHA-256 {'0' * 64}, this file has {right}"):
        find(made(tmp_path, rows={"sha256": "0" * 64}), "rows")


def test_identities_are_hashes_of_files_and_versions_of_generators(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text("[]")
    assert identities(made(tmp_path, rows={}), ["rows", "demo:tu", "rows"]) == {
        "demo:tu": "demo@1",
        "rows": hashlib.sha256(b"[]").hexdigest(),
    }


def test_unknown_sources_are_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no source in culture 'demo' named 'row'; did you mean rows"):
        find(made(tmp_path, rows={}), "row")
    with pytest.raises(UsageError, match="no demo family or part named 'tuu'; did you mean tu"):
        identities(made(tmp_path), ["demo:tuu"])
