"""Two finished runs -> the rows, counts and flipped samples of a Comparison."""
