"""The operator itself, measured: a real API server, a real broker, real consumer processes for Pods."""
