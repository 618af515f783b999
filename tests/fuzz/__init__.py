"""Malformed input against the real parsing and connection code: mutated valid input, a kept corpus, and what counts as a
fault. Played for a moment by ``make test``, for as long as you like by ``make fuzz``."""
