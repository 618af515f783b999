"""Load tests with locust: real sockets, real frames, none of our own code, so that a shared mistake shows."""
