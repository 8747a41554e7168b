"""Sends what is due: claims deliveries in leased batches, sends them side by side, records the results in batches.

    claims     what is due, under a lease          (database)
    targets    a webhook, ready to send to         (database, cached)
    messages   one signed request of a delivery    (pure)
    host_errors a bad host, to tenants and to the log (pure)
    outcomes   what a result means                 (pure)
    results    attempts and new states, in batches (database)
    health     failing, disabling, telling         (database)
    dispatcher the loop around all of these        (sockets)
    tuning     Python's own settings for this     (process)
    wakeups    hears of new work at once           (Redis)

The database is the queue. A crash at any line leaves leases that end; what they covered is then due again.
"""
