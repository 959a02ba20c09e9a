"""Hourly rows in and out of files (docs/backfill.md)."""
