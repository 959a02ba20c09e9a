"""The receiver: samples and OTLP over HTTP, acknowledged when Kafka has them."""
