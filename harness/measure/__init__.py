"""ModelRef × tasks × judge -> RunRecord on disk: the one way in which numbers are made.

`harness eval` asks a model here, `harness judge` the stored responses of a finished run; both end in the same kind of record.
What was asked fixes the run's id, so the same command finds its own unfinished folder and goes on; responses and verdicts lie in
stores beside the runs, so going on costs only what is missing.
"""

from harness.measure.asked import Asked, Watch
from harness.measure.prepare import STORE, Checked, Ready, check, ready
from harness.measure.run import COMPLETE_AT, Measured, measure

__all__ = ["COMPLETE_AT", "STORE", "Asked", "Checked", "Measured", "Ready", "Watch", "check", "measure", "ready"]
