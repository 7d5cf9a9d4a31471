"""The agent: takes executions into its journal, runs them in real terminals, tells the controller what happened.

It imports the standard library and pika only; a test holds its imports and its memory.
"""
