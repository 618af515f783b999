"""What customers, people and bots decide: pure, no clock, no socket.

An actor is told what it would see (events, answers, the passing of a time it asked for) and answers with deeds. Who
plays it, a client over a socket or the twin, is none of its business.
"""
