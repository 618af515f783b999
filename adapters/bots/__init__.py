"""Bots that others run, each an adapter to the port :class:`engine.ports.Bot`."""
