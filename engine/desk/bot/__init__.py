"""The bot's brain: pure and deterministic. What it wants from the world it asks of whoever runs it."""
