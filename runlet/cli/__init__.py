"""The command line: the operator's commands and consoles. main.py is the entry."""
