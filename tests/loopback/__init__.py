"""The venue on the loopback, and the loader that fetches from exchanges played against it."""
