"""Rooms for rent: the application, without what it runs on."""

__version__ = "0.1.0"
