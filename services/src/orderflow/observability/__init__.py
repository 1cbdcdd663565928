"""What can be seen of an order from outside: its trace through all processes, and the log lines about it.

Stands below `streaming`. The OpenTelemetry SDK is imported only where traces are asked for.
"""
