"""Background jobs: their table, periodic runs, and the heartbeats of dispatchers.

table       the jobs that features declare, and handing one to a worker
periodic    jobs that are enqueued at intervals
heartbeats  which dispatchers and dispatch slices are alive, and waking them
"""
