"""Runlet: declarative jobs in real terminals on fleets of unreliable devices."""

__version__ = "0.1.0"
