"""GraphQL through integrations: schemas with their versions, and saved operations.

validation   parses and validates in a process of its own, under a deadline; nothing else in the app parses GraphQL
services     take over schemas, change operations, run them
"""
