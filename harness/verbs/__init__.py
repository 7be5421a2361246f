"""The verbs of the command line: one module, one function of that name. They take nouns and return one noun.

They never import one another; what two of them share stands below them.

They live in a room of their own because `harness.evaluate` is the function: a module of that name in the package itself would
take its place as soon as anything imported it.
"""
