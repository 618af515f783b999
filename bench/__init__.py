"""Benchmarks as code, with stored results: ``python -m bench``."""
