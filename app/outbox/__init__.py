"""Mails that are to be sent: stored with the act that causes them, sent by a job under a lease."""
