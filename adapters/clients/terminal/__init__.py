"""Commands of the terminal that talk to a running engine as clients: chat, ctl, top, explain, policy apply."""
