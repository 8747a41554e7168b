"""Parses and validates GraphQL in child processes, under a deadline.

limits   what one step may cost
child    the process: stands alone, imports nothing of ours
pool     starts, asks and ends such processes
checks   what the services ask
"""
