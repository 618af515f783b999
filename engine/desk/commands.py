"""All commands of the desk, joined from its rooms: what ``do`` takes beside the dispatcher's."""

from __future__ import annotations

from typing import TypeAlias

from engine.desk.conversations.commands import ConversationCommand
from engine.desk.customers.commands import CustomerCommand

DeskCommand: TypeAlias = CustomerCommand | ConversationCommand
