"""What the shop knows: articles with versions and validity, found by what customers ask."""
