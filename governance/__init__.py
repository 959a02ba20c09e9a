"""Pure rules of governance: what makes the audit log's chain whole. No I/O, no clock, no secret."""
