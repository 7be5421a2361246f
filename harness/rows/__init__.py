"""Training files -> rows: where sources lie, what their formats are, and what no row may repeat."""
