"""The venue's rule book: each test is a sentence of it, worked by hand, played by the kernel and by the oracle."""
