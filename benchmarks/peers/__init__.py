"""One script an engine, each doing the works of `benchmarks.works` in that engine's own idiom and environment."""
