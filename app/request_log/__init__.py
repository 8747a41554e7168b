"""The request log of a team: the calls of the API with its keys, and what was sent and answered where one was refused.

calls            a call as its request leaves it, and the row that is made of it   (pure)
redaction        masks secrets in headers and bodies                               (pure)
body_redaction   masks secrets in a body as text                                   (pure)
buffer           keeps the calls of a process until its thread writes them         (database)
api_calls        takes down the calls of the API                                   (request)
"""
