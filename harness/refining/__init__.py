"""Rows that fall short × a strong model -> rows answered again; topics or texts × a model -> dialogues."""
