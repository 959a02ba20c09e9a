"""Sends what was rendered to a team's channels: a module a kind of channel (ADR 0032)."""
