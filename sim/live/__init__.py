"""The scenario's actors as clients of a running engine, over real sockets."""
