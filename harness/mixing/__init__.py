"""Diagnosis × sources -> rows to train on: shares, contamination filter, drawing."""
