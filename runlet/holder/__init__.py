"""The holder: one small process for each execution, which owns its terminal and outlives the agent.

A holder is a fork of the spawner, one process a device that has imported what is needed and nothing else. So this
package imports a few modules of the standard library: no asyncio, no json, no re, no dataclasses. A test holds that.
"""
