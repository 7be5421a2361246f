"""Reading and writing `runs/<id>/`: the one place that knows how a run lies on disk.

    spec.json            what was asked; written first
    lock                 held (flock) by the process that writes here
    events.jsonl         what happened when; appended line by line
    samples/<task>.jsonl one SampleResult a line
    lm_eval/…            the same results in lm-eval's own layout
    record.json          the RunRecord; written last, by rename

Written last means whole: a folder without `record.json` is unfinished, never half a result; the same command resumes it.
"""

from harness.runs.folder import RunFolder, run_id
from harness.runs.listing import RunSummary, list_runs
from harness.runs.read import find_run, load_run, read_events, read_samples

__all__ = ["RunFolder", "RunSummary", "find_run", "list_runs", "load_run", "read_events", "read_samples", "run_id"]
