"""Rows -> what they are made of: the bias report of a data set."""
