"""Decides from what clients saw whether the engine kept its promises. Knows the protocol's words, and nothing of the engine."""
