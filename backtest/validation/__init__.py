"""How far a result can be trusted: walk-forward over the same history, and paths made of the history's own pieces."""
