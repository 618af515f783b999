"""Clients in numbers, for the benchmarks that load a real engine over loopback.

One process, one epoll loop, plain sockets, ``msgpack``: it shares no line with the engine or with our client, takes a few
microseconds a frame, and keeps to its schedule whatever the engine does (open loop). Locust, next door, is for people who
want tables and a web page; it cannot keep a core of engine busy.
"""
