"""Items in our own words, in the columns of well-known data sets, so that lm-eval's own tasks run here without a network.

`copies` writes them where the harness looks for a local copy; `twins` writes the same tasks for plain lm-eval, each an include of
lm-eval's own YAML with only the source of its data replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from harness import catalog

Rows = list[dict[str, Any]]

THINGS: Final = ("hammer", "violin", "kettle", "ladder", "basket", "lantern", "saddle", "anchor")
USES: Final = (
    "driving in nails",
    "making music",
    "boiling water",
    "reaching high",
    "carrying fruit",
    "giving light",
    "riding",
    "mooring",
)


def _choices(i: int) -> list[str]:
    return [USES[(i + step) % len(USES)] for step in (0, 3, 5, 6)]


def _turned(i: int) -> tuple[list[str], int]:
    """Four options and the place of the right one, which moves."""
    options, place = _choices(i), i % 4
    return [*options[1 : place + 1], options[0], *options[place + 1 :]], place


def lettered(i: int, key: str = "question") -> dict[str, Any]:
    """A question with four lettered options."""
    options, place = _turned(i)
    asked = f"What does one use a {THINGS[i]} for?"
    return {"id": f"own-{i}", key: asked, "choices": {"text": options, "label": list("ABCD")}, "answerKey": "ABCD"[place]}


def _fifth(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "choices": {"text": [*row["choices"]["text"], "none of these"], "label": list("ABCDE")}}


def _hellaswag(i: int) -> dict[str, Any]:
    options, place = _turned(i)
    first, then = f"A man takes a {THINGS[i]} from the shed.", "he shows it to his sister, and"
    return {
        "ind": i,
        "activity_label": "Showing tools",
        "ctx_a": first,
        "ctx_b": then,
        "ctx": f"{first} {then}",
        "endings": [f"explains that it is good for {use}. [title] He smiles." for use in options],
        "source_id": f"own~{i}",
        "split": "val",
        "split_type": "indomain",
        "label": str(place),
    }


def _mmlu(i: int) -> dict[str, Any]:
    options, place = _turned(i)
    return {"question": f" A {THINGS[i]} serves for which of these? ", "subject": "tools", "choices": options, "answer": place}


def _truthful(i: int) -> dict[str, Any]:
    options, true = _choices(i), [1, 0, 1, 0]
    return {
        "question": f"Is a {THINGS[i]} of any use?",
        "mc1_targets": {"choices": options, "labels": [1, 0, 0, 0]},
        "mc2_targets": {"choices": options, "labels": true},
    }


def _gsm8k(i: int) -> dict[str, Any]:
    return {
        "question": f"Ada has {i + 2} {THINGS[i]}s and finds {i + 5} more. How many are there in the end?",
        "answer": f"{i + 2} and {i + 5} are {2 * i + 7}.\n#### {2 * i + 7}",
    }


def _race(i: int) -> dict[str, Any]:
    options, place = _turned(i)
    problems = [{"question": f"What is a {THINGS[i]} for?", "options": options, "answer": "ABCD"[place]}]
    return {"article": "Every tool has its use.", "problems": str(problems * 2)}


def _drop(i: int) -> dict[str, Any]:
    answer = {"number": str(i), "date": {"day": "", "month": "", "year": ""}, "spans": [], "worker_id": "", "hit_id": ""}
    more = {key: [value] for key, value in answer.items()}
    row = {
        "section_id": "own",
        "query_id": f"own-{i}",
        "passage": f"There are {i} tools.",
        "question": "How many tools are there?",
    }
    return {**row, "answer": answer, "validated_answers": more}


def _page(i: int) -> dict[str, Any]:
    return {"page": f" = The {THINGS[i]} = \n \n It 's used for {USES[i]} , and costs 1 @,@ {i}00 coins . \n"}


SETS: Final[Mapping[str, tuple[tuple[str, ...], Any]]] = {
    "allenai/ai2_arc/ARC-Easy": (("train", "validation", "test"), lettered),
    "allenai/ai2_arc/ARC-Challenge": (("train", "validation", "test"), lettered),
    "allenai/openbookqa/main": (("train", "validation", "test"), lambda i: lettered(i, "question_stem")),
    "tau/commonsense_qa": (("train", "validation"), lambda i: _fifth(lettered(i))),
    "Rowan/hellaswag": (("train", "validation"), _hellaswag),
    "openai/gsm8k/main": (("train", "test"), _gsm8k),
    "EleutherAI/wikitext_document_level/wikitext-2-raw-v1": (("train", "validation", "test"), _page),
    "truthfulqa/truthful_qa/multiple_choice": (("validation",), _truthful),
    "EleutherAI/lambada_openai/default": (
        ("test",),
        lambda i: {"text": f"He went to the shed, since for {USES[i]} he needed a {THINGS[i]}"},
    ),
    "allenai/winogrande/winogrande_xl": (
        ("train", "validation"),
        lambda i: {
            "sentence": f"Ada gave the {THINGS[i]} to Ben because _ had asked for it.",
            "option1": "Ada",
            "option2": "Ben",
            "answer": str(1 + i % 2),
        },
    ),
    "baber/piqa": (
        ("train", "validation"),
        lambda i: {"goal": f"Use a {THINGS[i]}", "sol1": f"Try {USES[i]}.", "sol2": "Eat it.", "label": i % 2},
    ),
    "aps/super_glue/boolq": (
        ("train", "validation"),
        lambda i: {
            "passage": f"A {THINGS[i]} is good for {USES[i]}.",
            "question": f"is a {THINGS[i]} useful",
            "idx": i,
            "label": i % 2,
        },
    ),
    "aps/super_glue/cb": (
        ("train", "validation"),
        lambda i: {"premise": f"There is a {THINGS[i]}.", "hypothesis": f"It is for {USES[i]}", "idx": i, "label": i % 3},
    ),
    "nyu-mll/glue/cola": (
        ("train", "validation"),
        lambda i: {"sentence": f"The {THINGS[i]} {'are' if i % 2 else 'is'} there.", "label": (i + 1) % 2, "idx": i},
    ),
    "mandarjoshi/trivia_qa/rc.nocontext": (
        ("train", "validation"),
        lambda i: {
            "question": f"Which tool is for {USES[i]}",
            "answer": {"aliases": [THINGS[i], THINGS[i].title()], "value": THINGS[i]},
        },
    ),
    "google-research-datasets/nq_open": (
        ("train", "validation"),
        lambda i: {"question": f"which tool is good for {USES[i]}", "answer": [THINGS[i]]},
    ),
    "TIGER-Lab/MMLU-Pro": (
        ("validation", "test"),
        lambda i: {
            "question": _mmlu(i)["question"],
            "options": _choices(i),
            "answer": "A",
            "answer_index": 0,
            "cot_content": "A: Let's think step by step. It is the first. The answer is (A).",
            "category": "biology",
        },
    ),
    "EleutherAI/race/high": (("test",), _race),
    "EleutherAI/drop": (("train", "validation"), _drop),
    "EleutherAI/hendrycks_math/algebra": (
        ("train", "test"),
        lambda i: {
            "problem": f"Find $x$ if $x - {i} = 1$.",
            "solution": f"We get $\\boxed{{{i + 1}}}$.",
            "level": "Level 1",
            "type": "Algebra",
        },
    ),
    "SaylorTwift/bbh/boolean_expressions": (("test",), lambda i: {"input": f"not {bool(i % 2)} is", "target": str(not i % 2)}),
    "allenai/sciq": (
        ("train", "validation", "test"),
        lambda i: {
            "question": f"What is a {THINGS[i]} for?",
            "support": "Tools have their uses.",
            "correct_answer": USES[i],
            **{f"distractor{n}": USES[(i + n) % len(USES)] for n in (1, 2, 3)},
        },
    ),
}
"""`dataset_path/dataset_name` -> its splits, and the row of a number."""

TASKS: Final = (
    *("arc_easy", "arc_challenge", "openbookqa", "commonsense_qa", "hellaswag", "piqa", "winogrande", "boolq", "sciq"),
    *("truthfulqa_mc1", "truthfulqa_mc2", "lambada_openai", "wikitext", "cb", "cola"),
    *("gsm8k", "gsm8k_cot", "triviaqa", "bbh_cot_fewshot_boolean_expressions", "nq_open", "mmlu_pro_biology", "race", "drop"),
    "hendrycks_math_algebra",
)
"""Tasks of lm-eval's that `SETS` feeds."""


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def copies(data: Path, items: int = 4) -> Path:
    """Local copies of all sets and of MMLU's subjects under `$HARNESS_DATA`, which is returned."""
    root = data / "lm_eval"
    for name, (splits, row) in SETS.items():
        for split in splits:
            asked = split == splits[-1]
            write(root / name / f"{split}.jsonl", (row(i) for i in range(items if asked else len(THINGS))))
    known = catalog.read()
    for part in (known.find(leaf).part for leaf in known.leaves("mmlu")):
        write(root / "cais/mmlu" / part / "test.jsonl", (_mmlu(i) for i in range(1 + len(part) % 3)))
        write(root / "cais/mmlu" / part / "dev.jsonl", (_mmlu(i) for i in range(5)))
    return data


def twins(folder: Path, data: Path, names: Iterable[str]) -> Path:
    """A folder of YAML for plain lm-eval: the same tasks and groups over the same rows."""
    known = catalog.read()
    folder.mkdir(parents=True, exist_ok=True)
    for entry in known.under(names):
        if entry.tag:
            continue
        lines = [f"include: {entry.path}"]
        if not entry.is_group:
            place = data / "lm_eval" / entry.dataset / entry.part
            files = {path.stem: str(path) for path in sorted(place.glob("*.jsonl"))}
            kwargs = {"data_files": files, "cache_dir": str(folder / "cache")}
            lines += ["dataset_path: json", "dataset_name: null", f"dataset_kwargs: {json.dumps(kwargs)}"]
        (folder / f"{entry.name}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
