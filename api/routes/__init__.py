"""Thin routes: parameters in, one query, a schema out."""
