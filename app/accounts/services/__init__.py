"""The use-cases of accounts and teams. Each is one transaction, and bcrypt never runs inside one."""
