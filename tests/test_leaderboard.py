"""`harness leaderboard` as typed: entries, pages, markers, and when a page is stale."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from harness.errors import EXIT_INCOMPLETE, EXIT_REFUSED, EXIT_USAGE
from harness.ranking.pages import BEGIN, END
from harness.verbs.leaderboard import add, leaderboard, pages, write
from tests import stock
from tests.conftest import Cli
from tests.ranking.made import made, verdicts

ROOT = Path(__file__).parent.parent


@pytest.fixture
def runs() -> Path:
    return Path(os.environ["HARNESS_RUNS"])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, their entries and their pages."""
    root = tmp_path_factory.mktemp("kept")
    for name, right in (("good", 35), ("bad", 10)):
        made(root / "runs", name, verdicts(right))
    add(["good", "bad"], folder=root / "boards", root=root / "runs")
    for board in leaderboard(folder=root / "boards"):
        write(pages(board, root / "boards", html=True))
    return root


@pytest.fixture
def boards(kept: Path, tmp_path: Path, runs: Path) -> Path:
    """A copy of them."""
    shutil.copytree(kept / "runs", runs)
    shutil.copytree(kept / "boards", tmp_path / "boards")
    return tmp_path / "boards"


def test_runs_are_kept_and_pages_are_written_from_what_is_kept_alone(boards: Path, runs: Path, cli: Cli) -> None:
    assert sorted(file.name for file in boards.rglob("*.*")) == ["bad.json", "demo.html", "demo.md", "good.json"]
    before = (boards / "demo.md").read_bytes()
    shutil.rmtree(runs)
    (boards / "demo.md").unlink()
    assert cli("leaderboard", "--folder", str(boards)).code == 0
    assert (boards / "demo.md").read_bytes() == before
    assert "| 1 | 1 | good |" in before.decode()


def test_the_same_entries_give_the_same_bytes(boards: Path, cli: Cli) -> None:
    before = {file: file.read_bytes() for file in boards.glob("demo.*")}
    done = cli("leaderboard", "--folder", str(boards), "--html")
    assert done.out.count("fresh") == 2
    for file in before:
        file.unlink()
    assert cli("leaderboard", "--folder", str(boards), "--html").code == 0
    assert {file: file.read_bytes() for file in before} == before


def test_a_fresh_page_passes_the_check_and_nothing_is_written(boards: Path, cli: Cli) -> None:
    done = cli("leaderboard", "--folder", str(boards), "--check")
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("name", ["demo.md", "demo.html"])
def test_a_changed_page_is_stale_and_one_line_says_what_to_run(boards: Path, cli: Cli, name: str) -> None:
    file = boards / name
    file.write_text(file.read_text("utf-8").replace("good", "best"), "utf-8")
    before = file.read_bytes()
    done = cli("leaderboard", "--culture", "demo", "--folder", str(boards), "--check")
    assert done.code == EXIT_REFUSED
    assert len(done.err.splitlines()) == 1
    assert f"'{file}' is stale; run: harness leaderboard --culture demo --folder {boards}" in done.err
    assert file.read_bytes() == before
    assert cli("leaderboard", "--folder", str(boards)).code == 0
    assert cli("leaderboard", "--folder", str(boards), "--check").code == 0


def test_a_new_entry_makes_the_pages_stale(boards: Path, runs: Path, cli: Cli) -> None:
    made(runs, "third", verdicts(20))
    assert cli("leaderboard", "--add", "third", "--into", str(boards)).code == 0
    assert cli("leaderboard", "--folder", str(boards), "--check").code == EXIT_REFUSED


def test_a_missing_page_is_stale(boards: Path, cli: Cli) -> None:
    (boards / "demo.md").unlink()
    done = cli("leaderboard", "--folder", str(boards), "--check")
    assert (done.code, "is missing" in done.err) == (EXIT_REFUSED, True)


def test_text_outside_the_markers_stays(boards: Path, cli: Cli) -> None:
    file = boards / "demo.md"
    page = file.read_text("utf-8")
    file.write_text(f"# Ours\n\n{page}\nGoodbye.\n", "utf-8")
    assert cli("leaderboard", "--folder", str(boards), "--check").code == 0, "what stands outside is not the program's"
    file.write_text(f"# Ours\n\n{BEGIN}\nold\n{END}\nGoodbye.\n", "utf-8")
    assert cli("leaderboard", "--folder", str(boards)).code == 0
    written = file.read_text("utf-8")
    assert written.startswith(f"# Ours\n\n{BEGIN}\n# Leaderboard")
    assert written.endswith(f"{END}\nGoodbye.\n")


def test_a_page_with_other_line_ends_is_no_stale_page_and_keeps_them(boards: Path, cli: Cli) -> None:
    file = boards / "demo.md"
    turned = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(turned)
    assert cli("leaderboard", "--folder", str(boards), "--check").code == 0
    file.write_bytes(turned.replace(b"good", b"best"))
    assert cli("leaderboard", "--folder", str(boards)).code == 0
    assert file.read_bytes() == turned


def test_entries_that_hold_other_items_than_they_say_are_not_ranked_together(boards: Path, cli: Cli) -> None:
    file = boards / "demo" / "bad.json"
    entry = json.loads(file.read_text("utf-8"))
    task = next(iter(entry["items"]))
    entry["items"][task]["hashes"] = "0" * len(entry["items"][task]["hashes"])
    file.write_text(json.dumps(entry), "utf-8")
    done = cli("leaderboard", "--folder", str(boards), "--check")
    assert (done.code, "entries 'bad' and 'good' say that they were asked the same items" in done.err) == (2, True)


@pytest.mark.parametrize("text", ["no markers\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_a_page_without_one_pair_of_markers_is_left_alone(boards: Path, cli: Cli, text: str) -> None:
    (boards / "demo.md").write_text(text, "utf-8")
    done = cli("leaderboard", "--folder", str(boards))
    assert (done.code, "needs one" in done.err) == (EXIT_USAGE, True)
    assert (boards / "demo.md").read_text("utf-8") == text


def test_models_measured_by_another_judge_are_not_ranked_together(boards: Path, runs: Path, cli: Cli) -> None:
    made(runs, "other", verdicts(40), judge="choice@2")
    assert cli("leaderboard", "--add", "other", "--into", str(boards)).code == 0
    done = cli("leaderboard", "--folder", str(boards), "--json", "--culture", "demo")
    (board,) = json.loads(done.out)
    (table,) = [t for section in board["sections"] for t in section["tables"]]
    assert [[row["name"] for row in group["rows"]] for group in table["groups"]] == [["good", "bad"], ["other"]]
    assert table["groups"][1]["differs"] == ["judge (choice@2, not choice@1)"]
    assert table["groups"][1]["rows"][0]["place"] is None


def test_a_run_is_shown_for_a_look_without_being_kept(boards: Path, runs: Path, cli: Cli) -> None:
    made(runs, "guest", verdicts(20))
    done = cli("leaderboard", "guest", "--folder", str(boards), "--markdown")
    assert "| 2 | 2 | guest |" in done.out
    assert not (boards / "demo" / "guest.json").exists()
    assert "guest" not in (boards / "demo.md").read_text("utf-8")


@pytest.mark.parametrize("changes", [{"comparable": False, "limit": 2}, {"complete": False}])
def test_a_limited_or_incomplete_run_is_refused(tmp_path: Path, runs: Path, cli: Cli, changes: dict[str, object]) -> None:
    made(runs, "half", verdicts(3), **changes)
    for words in (("--add", "half"), ("half",)):
        done = cli("leaderboard", *words, "--folder", str(tmp_path / "boards"))
        assert (done.code, len(done.err.splitlines())) == (EXIT_INCOMPLETE, 1)
    assert not (tmp_path / "boards").exists()


def test_an_entry_may_have_a_name_of_its_own_and_a_second_one_takes_its_place(boards: Path, runs: Path, cli: Cli) -> None:
    made(runs, "third", verdicts(20))
    done = cli("leaderboard", "--add", "third", "--as", "good", "--into", str(boards))
    assert (done.code, "in place of run good of another checkpoint" in done.out) == (0, True)
    assert json.loads((boards / "demo" / "good.json").read_text("utf-8"))["run"] == "third"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--add", "good", "--add", "bad", "--as", "x"), "--as names one run"),
        (("--add", "good", "--as", "../x"), "cannot name an entry"),
        (("--add", "good", "--check"), "--add keeps runs and writes no page"),
        (("--as", "x"), "--as goes with --add"),
        (("--culture", "nowhere"), "no culture named 'nowhere'"),
        (("nothing",), "no run named 'nothing'"),
    ],
)
def test_a_wrong_word_is_one_line(boards: Path, cli: Cli, words: tuple[str, ...], said: str) -> None:
    done = cli("leaderboard", *words, "--folder", str(boards))
    assert (done.code, said in done.err, len(done.err.splitlines())) == (EXIT_USAGE, True, 1)


def test_a_folder_without_anything_is_no_leaderboard(tmp_path: Path, cli: Cli) -> None:
    done = cli("leaderboard", "--folder", str(tmp_path / "none"))
    assert (done.code, "there is no leaderboard" in done.err) == (EXIT_USAGE, True)


def test_published_rows_stand_apart_and_marked_on_a_page_with_measured_ones(tmp_path: Path, runs: Path, cli: Cli) -> None:
    folder = tmp_path / "boards"
    shutil.copytree(ROOT / "leaderboards" / "published", folder / "published")
    tables = folder / "published" / "tables.toml"
    tables.write_text(
        tables.read_text("utf-8").replace('culture = "zh_cn"', 'culture = "demo"').replace("chisafetybench_v0_mcq", "demo_mcq")
    )
    for name, right in (("good", 35), ("bad", 10)):
        made(runs, name, verdicts(right))
    assert cli("leaderboard", "--add", "good", "--add", "bad", "--into", str(folder)).code == 0
    text = cli("leaderboard", "--culture", "demo", "--folder", str(folder), "--markdown").out
    section = text.partition("## Multiple choice")[2].partition("\n## ")[0]
    measured, _, published = section.partition("Published, never ranked:")
    assert "| 1 | 1 | good |" in measured
    assert "Qwen" not in measured
    assert "78.89†" in published
    assert "| good |" not in published


def test_the_pages_of_this_repository_are_fresh(cli: Cli) -> None:
    done = cli("leaderboard", "--folder", str(ROOT / "leaderboards"), "--html", "--check")
    assert (done.code, done.err) == (0, "")


def test_the_entries_of_this_repository_are_small_and_hold_no_path() -> None:
    files = sorted((ROOT / "leaderboards" / "demo").glob("*.json"))
    assert len(files) == 6
    for file in files:
        assert file.stat().st_size < 100_000
        assert "/" + "work" not in file.read_text("utf-8")


def test_tasks_that_lm_eval_scores_itself_are_kept_and_read_again(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    """What the file says is held against its items, whatever made them: choices by likelihood, answers by filters."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    stock.copies(tmp_path / "data")
    small = ("--gen", "max_gen_toks=6", "--model-arg", "dtype=float32")
    done = cli("eval", "-m", str(tiny_model), "-t", "hellaswag,gsm8k,arc_challenge", *small, "--json")
    assert done.code == 0, done.err
    run = json.loads(done.out)["id"]
    folder = tmp_path / "boards"
    done = cli("leaderboard", "--add", run, "--culture", "zh_cn", "--as", "tiny", "--into", str(folder))
    assert done.code == 0, done.err
    page = cli("leaderboard", "--culture", "zh_cn", "--folder", str(folder), "--markdown")
    assert page.code == 0, page.err
    assert "tiny" in page.out.partition("## Retention")[2]
