"""The HTTP API: thin routes over storage; who asks is settled in `api.auth`, below it by row security."""
