"""A stand-in for a strong model: an OpenAI-compatible server on this machine that knows the right answers of `shapes.py`.

    python examples/data/writer.py FOLDER --port 8123     # FOLDER holds answers.json

Whatever it is asked, it looks for the longest question it knows in what was said and gives that question's answer. It exists so
that the whole sequence can be tried without a key, a GPU or a network; what it writes says nothing about any model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from aiohttp import web


def application(answers: dict[str, str]) -> web.Application:
    """`POST /v1/chat/completions`, answered from `answers`."""
    known = sorted(answers, key=len, reverse=True)

    async def complete(request: web.Request) -> web.Response:
        said = "\n".join(turn["content"] for turn in reversed((await request.json())["messages"]))
        question = next((one for one in known if one in said), None)
        text = "这个问题我不清楚，请换一种问法。" if question is None else answers[question]
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(said), "completion_tokens": len(text)}
        return web.json_response({"object": "chat.completion", "choices": [choice], "usage": usage})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="Answer what shapes.py asks, as an OpenAI-compatible server.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8123)
    given = parser.parse_args()
    answers = json.loads((given.folder / "answers.json").read_text(encoding="utf-8"))
    web.run_app(application(answers), host="127.0.0.1", port=given.port, print=None)


if __name__ == "__main__":
    main()
