"""What holds on every history: thousands of small random worlds, each named by its seed."""
