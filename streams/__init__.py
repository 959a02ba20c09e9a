"""The Faust app: ingest, close, detect, relay. `worker` composes them; `wire` and `fold` are pure."""
