"""Where a stack's limits are, worked out by a discrete simulation: docs/scale.md is made of it.

parameters : what the simulation rests on, each with its source
counters : live counts, as versions before stored and read them, and as they are folded now
batches : a batch of events, from the queue to profiles
queue : events that wait for copies of update_profile
serving : lists that wait for copies of recommend
quotas : what AWS allows, with the page that says so
report : the tables of docs/scale.md
"""
