"""Benchmarks: the figures that Runlet holds, measured through the installed programs, beside others in the same run.

A figure is never asserted here and never measured by a test: machines differ, so the table is for people to read.
"""
