"""Rows -> which of them say the same: signatures, bands and clusters by their letters, embeddings by their meaning."""
