"""Base model × culture -> `-kg` -> `-safe`: the loop that fills in only what is weak, and proves it. It chains the verbs."""
