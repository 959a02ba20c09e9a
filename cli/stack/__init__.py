"""The embedded stack: Apache Kafka and PostgreSQL with nothing preinstalled but Python."""
