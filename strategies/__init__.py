"""The strategies that ship with the project, one a file, found by entry point like anyone else's."""
