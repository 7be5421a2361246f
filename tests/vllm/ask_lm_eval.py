"""An lm-eval backend and its arguments -> the log-likelihoods it gives, as JSON on standard output.

    python ask_lm_eval.py vllm pretrained=DIR,dtype=float32 < pairs.json

In a process of its own: vLLM in the tests' process would leave its threads, its signal handlers and its warnings behind.
"""

from __future__ import annotations

import json
import os
import sys


def main(backend: str, arguments: str) -> None:
    """Reads `[[context, continuation], ...]`, writes `[[log-likelihood, is_greedy], ...]`."""
    from lm_eval.api.instance import Instance
    from lm_eval.api.registry import get_model

    pairs = json.load(sys.stdin)
    answer = os.dup(1)
    os.dup2(2, 1)  # vLLM prints to standard output, its child processes too
    model = get_model(backend).create_from_arg_string(arguments, {"batch_size": 8})
    requests = [Instance("loglikelihood", {}, tuple(pair), i) for i, pair in enumerate(pairs)]
    found = model.loglikelihood(requests, disable_tqdm=True)
    os.write(answer, json.dumps([[float(value), bool(greedy)] for value, greedy in found]).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
