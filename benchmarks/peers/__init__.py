"""Other stream processors on the work of `make bench`: hourly sum and count by series, into PostgreSQL.

A file a peer, run by the virtualenv of requirements.txt; `python -m benchmarks.peers` runs them all. A peer
reads `raw_metrics` from its beginning, calls `work.began()` at its first record and writes the table `hourly`
with `work.write`. It need not end: who runs it looks at the table.
"""
