"""Numbers in, numbers out, no I/O.

intervals    counts or values            -> Interval
baselines    SampleResult                -> what a blind answer would have scored on it
aggregate    SampleResult*               -> Score*, Coverage
published    published tables, parsed    -> CellCheck*: their arithmetic, done again by `aggregate`'s own functions
"""
