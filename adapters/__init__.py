"""What the outside provides: each package here implements a port, and none knows another."""
