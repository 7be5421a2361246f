"""Judging: response -> verdict. Answer extraction, rubrics, judges."""
