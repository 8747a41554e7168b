"""The worker program: a pool of processes that serve the queues, and the ticker that enqueues what is due."""
