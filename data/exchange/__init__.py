"""Market data of exchanges through ccxt's own clients: which venues, how each is paged, what each lacks."""
