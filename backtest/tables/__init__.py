"""The records of a run as pandas tables, one kind of table a module."""
