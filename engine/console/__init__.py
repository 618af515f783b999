"""What people read: explanations in sentences, in each language."""
