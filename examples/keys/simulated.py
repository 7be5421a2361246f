"""Made-up voters and made-up people, to see how a key is made; what they say means nothing.

    python examples/keys/simulated.py votes FOLDER              # FOLDER/proposals.jsonl: five voters of four families on demo_mcq
    python examples/keys/simulated.py people WORK [--slips .02] # two people and an adjudicator on all that WORK asks

Voters err together, as models do: an item that one misreads is easily misread by all. People know the demo's own answers; of
another benchmark they take the first vote for right, and a drafted reference for good.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from harness.demo.benchmark import read
from harness.keying.asking import orders
from harness.reviewing.store import Review
from harness.schema import Decision, KeyVote, ReviewItem, Round

VOTERS = {"north": "n", "north-large": "n", "east": "e", "south": "s", "west": "w"}
AT = "2026-01-01T00:00:00Z"


def main() -> None:
    """Say something for somebody."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("who", choices=["votes", "people"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slips", type=float, default=0.02, help="share of the items that a person gets wrong")
    asked = parser.parse_args()
    if asked.who == "votes":
        write_votes(asked.folder)
    else:
        for name in ("review", "audit"):
            if (asked.folder / name / "review.json").is_file():
                decide(Review(asked.folder / name), truth(asked.folder), asked.slips)


def write_votes(folder: Path) -> None:
    """Votes on the demo, in three orders each."""
    draw = random.Random(1)
    lines = []
    for sample in read("mcq"):
        hard = draw.random() < 0.1
        letters = "".join(sample.options)
        wrong = next(letter for letter in letters if letter != sample.target)
        for voter, family in VOTERS.items():
            misread = draw.random() < (0.75 if hard else 0.01)
            for order in orders(letters):
                answer = wrong if misread != (draw.random() < 0.002) else sample.target
                vote = KeyVote(hash=sample.hash, voter=voter, family=family, order=order, answer=answer)
                lines.append(vote.model_dump_json(exclude_defaults=True) + "\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "proposals.jsonl").write_text("".join(lines), encoding="utf-8")


def truth(work: Path) -> dict[str, str]:
    """Content hash -> the letter that people hold right."""
    known: dict[str, str] = {}
    for line in (work / "proposals.jsonl").read_text(encoding="utf-8").splitlines():
        vote = json.loads(line)
        if vote.get("answer"):
            known.setdefault(vote["hash"], vote["answer"])
    return known | {sample.hash: str(sample.target) for sample in read("mcq")}


def decide(review: Review, right: dict[str, str], slips: float) -> None:
    """Two who do not see one another, and a third for what they differ on."""
    draw, made = random.Random(review.about.title), list[Decision]()
    for item in review.items.values():
        said = [_word(item, right, slips, draw) for _ in range(3)]
        made += [_decision(item, who, word) for who, word in zip(("ann", "bo"), said, strict=False)]
        if said[0] != said[1]:
            made.append(_decision(item, "cy", said[2], "adjudication"))
    review.extend(made)


def _word(item: ReviewItem, right: dict[str, str], slips: float, draw: random.Random) -> str:
    words = item.labels or ("accept", "reject")
    known = right.get(item.id, "contested") if item.labels else "accept"
    return draw.choice([one for one in words if one != known]) if draw.random() < slips else known


def _decision(item: ReviewItem, who: str, word: str, round_: Round = "annotation") -> Decision:
    said = {"action": "label", "label": word} if item.labels else {"action": word}
    return Decision.model_validate({"item": item.id, "digest": item.digest, "annotator": who, "at": AT, "round": round_, **said})


if __name__ == "__main__":
    main()
