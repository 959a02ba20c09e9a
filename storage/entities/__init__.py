"""What people write down: one module a table, one transaction of the caller's around them."""
