"""Who the customers are: profile, tags, history, and who is the same person on another channel."""
