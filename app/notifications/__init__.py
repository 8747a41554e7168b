"""Notifications: messages to a chat about what happens in Signalbox itself, posted through a team's integration."""
