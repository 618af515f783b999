"""A scenario: who writes when about what, who answers and how; read from TOML, checked as a whole.

Files keep people's units (seconds, shares, ``HH:MM``); what comes out of :mod:`sim.arrivals` and the actors is integer
milliseconds. Nothing here draws a number, and nothing here needs arrays.
"""

from __future__ import annotations

from sim.scenario.model import DAY_MS as DAY_MS
from sim.scenario.model import HALF_HOUR_MS as HALF_HOUR_MS
from sim.scenario.model import Day as Day
from sim.scenario.model import Flow as Flow
from sim.scenario.model import Scenario as Scenario
from sim.scenario.model import Source as Source
from sim.scenario.model import Swap as Swap
from sim.scenario.model import clock_ms as clock_ms
from sim.scenario.model import clock_text as clock_text
from sim.scenario.problems import Problem as Problem
from sim.scenario.problems import ScenarioErrors as ScenarioErrors
from sim.scenario.reading import load_scenario as load_scenario
from sim.scenario.tables import Bots as Bots
from sim.scenario.tables import Customers as Customers
from sim.scenario.tables import Fault as Fault
from sim.scenario.tables import Length as Length
from sim.scenario.tables import Money as Money
from sim.scenario.tables import People as People
from sim.scenario.tables import Surge as Surge
from sim.scenario.tables import Team as Team
from sim.scenario.tables import Tier as Tier
from sim.scenario.tables import Topic as Topic
from sim.scenario.tables import Work as Work
