"""What alerts look like, kept as files: `python -m tests.golden` writes them anew, and nothing else does."""
