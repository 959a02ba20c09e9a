"""OTLP metrics: decoding, mapping to our six metrics, and the state that cumulative series need."""
