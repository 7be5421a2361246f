"""Texts × base tokenizer -> a longer vocabulary, the model that goes with it, and whether it pays."""
