"""What the API reads: one module a table, in pages by key.

Every query says the org_id, beside the policies: for the index, and because two locks are better than one.
"""
