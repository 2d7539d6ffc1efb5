"""Market history: contracts, series, their store and their checks, aligned on one clock for a run."""
