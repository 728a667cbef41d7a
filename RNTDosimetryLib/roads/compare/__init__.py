"""Two dose maps against each other: the verb compare."""
