"""Other systems that know something of customers."""
