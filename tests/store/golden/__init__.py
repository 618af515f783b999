"""Stores as past releases wrote them: what this release must read, for as long as it says so."""
