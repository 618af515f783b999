"""Every limit of the desk, in one table. Those of single fields are by the command's or question's tag and the field's name."""

from __future__ import annotations

from typing import Final

# --- customers: in characters, and how many -------------------------------------------------------------------------

TAGS: Final = 50  # of one customer: more than anybody reads
TAG_CHARS: Final = 64
VALUE_CHARS: Final = 500  # a postal address
REASON_CHARS: Final = 200
KEY_CHARS: Final = 256  # an openid has 28, a hash 64; room for a prefix by channel
CLUSTER: Final = 20  # keys that are one customer: some channels, each with an old account or two
QUOTA: Final = 1_000_000_000  # of an entitlement, and what is used of it at once
SEGMENTS: Final = 200  # of a tenant: each is looked at for every profile that is shown
PAGE: Final = 100
HISTORY_PAGE: Final = 1_000  # contacts, 200 bytes each
LOOKED_AT: Final = 2_000  # customers looked at for one page: half a second in a thread

# --- conversations --------------------------------------------------------------------------------------------------

NOTES: Final = 500  # of one contact
NOTE_CHARS: Final = 4_000
REPLIES: Final = 1_000  # of a tenant for everybody, and of each agent
REPLY_CHARS: Final = 2_000
WORDS: Final = 500  # different ones of a message that are looked up: two pages of text
WORDS_LOOKED_UP: Final = 8  # of a search in the index; the rest in the texts
FIND_CHARS: Final = 200
HITS: Final = 50
PIECE_CHARS: Final = 160
ATTACHMENT_BYTES: Final = 10 * 1024 * 1024  # a photo of a phone has 5 MiB; each that comes in is in memory as a whole
ATTACHMENTS: Final = 200  # of one contact
STORY_LINES: Final = 500
STORY_BYTES: Final = 256 * 1024  # of an answer: a quarter of what may wait to be written to an agent
STORY_CONTACTS: Final = 1_000

# --- how the tables are fed -----------------------------------------------------------------------------------------

FEED_RECORDS: Final = 500  # one transaction's worth: a few milliseconds of writing
FEED_BUFFER: Final = 4_096  # records that wait in memory; beyond, they are read from the journal again
READ_YOUR_WRITES_S: Final = 2.0  # how long a question waits for the tables to have come past the last deed
RETRY_S: Final = 1.0  # after the tables could not be written

# --- bytes of UTF-8 on the wire; 1 KiB (engine.wire.limits.FIELD_BYTES) where nothing is said -----------------------

TEXT_BYTES: Final[dict[tuple[str, str], int]] = {
    ("contact.note", "text"): 4 * NOTE_CHARS,
    ("reply.save", "text"): 4 * REPLY_CHARS,
}
# Entries of a list or map; 64 (engine.wire.limits.ATTRIBUTES) where nothing is said.
ENTRIES: Final[dict[tuple[str, str], int]] = {}
