"""Whom an alert is for and when: matchers, routes, silences and quiet hours. Pure: no I/O, no clock."""
