"""`make run`: the whole of Signalbox on one machine, as children of one supervisor.

Imports nothing of Signalbox but `app.config` and `app.lib`: it starts the programs, it is not one of them.
"""
