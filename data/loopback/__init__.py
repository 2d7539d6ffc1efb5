"""A venue on the loopback: the REST wire formats of four exchanges, served out of a store, with faults on demand."""
