"""Our tests; a package by name, because a library that is installed beside us brings one of the same name."""
