"""Figures: a fold over committed events, shown to Prometheus and to the wallboard; logs without personal data."""
