"""The `orderflow-operator` command: run, explain, doctor."""
