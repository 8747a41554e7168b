"""Sends what is due: claims deliveries in leased batches, sends them side by side, records the results in batches.

    claims           what is due, under a lease                          (database)
    targets          a webhook, ready to send to                         (database, cached)
    messages         one signed request of a delivery                    (pure)
    host_errors      failures of hosts, in the log                       (pure)
    outcomes         what a result means for its delivery                (pure)
    results          attempts and new states, in batches                 (database)
    circuit_breaker  warns of a failing webhook, then disables it        (database)
    delivery_store   claims and results in short transactions            (database, threads)
    prefetch_buffer  claimed deliveries until their transfer ends        (memory)
    dispatcher       the loop around all of these                        (sockets)
    tuning           settings of the Python process that dispatches      (process)
    wakeups          listens for new work                                (Redis)

The database is the queue. A crash at any line leaves leases that end; what they covered is then due again.
"""
