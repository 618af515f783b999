"""All questions of the desk, joined from its rooms: what ``ask`` takes beside those of routing."""

from __future__ import annotations

from typing import TypeAlias

from engine.desk.customers.queries import CustomerQuery

DeskQuery: TypeAlias = CustomerQuery
