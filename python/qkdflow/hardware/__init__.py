"""Boards and parts, and devices that run a network."""
