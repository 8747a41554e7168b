"""What Signalbox can do on this machine: `python -m bench`.

    __main__    the command
    report      a figure, and tables of figures
    environment a throw-away installation: database, Redis, settings, programs
    servers     PostgreSQL that really writes to disk, nginx
    programs    starting and ending programs
    seed        teams, webhooks, deliveries to measure with
    children/   programs that run for one measurement, in a process of their own
    figures/    one measurement each

Absolute figures belong to one machine and one moment. What is compared is measured in one run, in turns.
"""
