"""From lines to Kafka: read, check lightly, batch, send (docs/wire-format.md)."""
