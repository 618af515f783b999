"""What if: a recorded day lived again under another policy, contact by contact beside the one it had.

:mod:`sim.replay.reading` takes from a recording who came, what they did and what the agents did; :mod:`sim.replay.lives`
draws what the recording could not see; :mod:`sim.replay.recreation` plays those lives through a dispatcher in simulated
time; :mod:`sim.replay.comparing` holds two such plays, and the record, side by side.

What stays as it was recorded: arrivals, patience, talks (their length belongs to the contact, whoever serves it and however
many chats that one has), what the house and its supervisors did, agents coming, going and getting lost. What is drawn: values
that the recording cut off (:mod:`sim.replay.survival`), and answers to offers that were never made.
"""
