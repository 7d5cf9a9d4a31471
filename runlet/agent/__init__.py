"""The agent: takes executions into its journal, runs them in real terminals, tells the controller what happened.

It imports the standard library and pika, and cryptography once it is sent a secret; a test holds its imports and its
memory. The terminals are not its own: each belongs to a holder (runlet.holder), which goes on when the agent is
stopped, killed or replaced.
"""
