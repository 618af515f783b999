"""The driver: one task that owns the dispatcher, its inbox, its commits."""

from __future__ import annotations

from engine.driver.driver import ENGINE, Driver, PolicyRefused
from engine.driver.limits import DriverLimits, Figures

__all__ = ["ENGINE", "Driver", "DriverLimits", "Figures", "PolicyRefused"]
