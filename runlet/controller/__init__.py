"""The controller: holds what was declared, turns jobs into runs, and brings consoles and terminals together."""
