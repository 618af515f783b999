"""What stands around a contact: customers, conversations, knowledge, bot. Optional for those who embed only the router."""
