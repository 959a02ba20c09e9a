"""What the API reads: one module a table, pages by key, newest first; org_id is always said, beside the policies."""
