"""Proposals of voters × people -> an answer key with a stated error bound."""
