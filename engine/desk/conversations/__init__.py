"""What is said in a contact and beside it: notes, tags, read marks, replies at hand, and the one story of a customer."""
