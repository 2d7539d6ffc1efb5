"""One history, many parameter sets: in threads, in processes, on a cluster."""
