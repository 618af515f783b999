"""Files read within bounds: no more is taken than is needed to refuse what is too long."""

from __future__ import annotations

from typing import BinaryIO

from engine.desk.problems import Problems


def read_bounded(stream: BinaryIO, problems: Problems, limit: int) -> str:
    """The stream's text with plain line ends, or "" with a problem. Never reads more than one byte above the limit."""
    data = stream.read(limit + 1)
    if len(data) > limit:
        line = data.count(b"\n") + 1
        problems.report("too_long", line, "the file", f"more than {limit} bytes", f"at most {limit} bytes")
        return ""
    try:
        return data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problems.report("not_utf8", line, "the file", f"byte {error.start} is none of UTF-8", "UTF-8")
        return ""
