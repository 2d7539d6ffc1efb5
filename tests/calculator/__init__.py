"""The calculator, a test file a module."""
