"""The strategies do what they say, and nothing that the future could change."""
