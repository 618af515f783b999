"""All questions of the desk, joined from its rooms: what ``ask`` takes beside those of routing."""

from __future__ import annotations

from typing import TypeAlias

from engine.desk.conversations import queries as conversations
from engine.desk.customers import queries as customers

DeskQuery: TypeAlias = customers.CustomerQuery | conversations.ConversationQuery
# What they are answered with, for the reference.
DESK_ANSWERS: tuple[type, ...] = (*customers.ANSWERS, *conversations.ANSWERS)
