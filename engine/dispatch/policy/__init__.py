"""Text → compiled policy, or every problem with its place."""
