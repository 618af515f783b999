"""Everything that is checked. A package by itself, so that one of this name that a library brings along does not stand before it."""
