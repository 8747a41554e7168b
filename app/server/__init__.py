"""The web server: uvicorn's HTTP side under deadlines, and the WSGI app on a few threads behind it.

Clients, however slow, are served by the event loop alone: it reads the whole request before one of the threads is
taken, and sends the answer after the thread was given back. `docs/adr/0007-web-server.md` says why.
"""
