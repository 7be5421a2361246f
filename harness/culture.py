"""culture.toml -> Culture."""
