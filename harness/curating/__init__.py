"""Sources × pipeline -> a data set: cleaned step by step, with every row that was left out and why."""
