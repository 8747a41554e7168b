"""The audit trail of a team: who did what, from where, to which object, and what that was before."""
