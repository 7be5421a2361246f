"""Records -> what people and other tools read: console tables, GitHub markdown, lm-eval's own files."""
