"""The dispatcher: pure decisions. No clock, no I/O, no trio, no logging, no randomness."""
