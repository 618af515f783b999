"""Listeners and connections: the wire's protocol over trio streams, in front of the driver."""
