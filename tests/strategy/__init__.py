"""Tests of what a strategy asks for and of what it is told."""
