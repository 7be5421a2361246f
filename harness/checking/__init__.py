"""Everything that is wrong with the files of a culture, at once, a line each."""
