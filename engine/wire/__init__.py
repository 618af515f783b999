"""The protocol: typed frames, codecs, limits, sub-protocols. Knows no sockets and no clock."""
