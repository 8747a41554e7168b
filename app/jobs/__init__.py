"""Background jobs: what there is to do, who is told that something is due, and who is alive to do it.

table       the jobs that features declare, and handing one to a worker
periodic    jobs that run by themselves
heartbeats  which dispatchers and dispatch slices are alive, and waking them
"""
