"""Who may do what: one table, and tokens that say who somebody is. Deny by default."""
