"""A frozen network, written for other tools."""
