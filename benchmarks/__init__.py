"""How long the engine takes, against its own bars and against vectorbt on the same work: `make bench-self`."""
