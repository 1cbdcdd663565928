"""What is remembered of orders beside Kafka: tables in SQLite or PostgreSQL, written by analytics alone.

Pure: `schema`. I/O: `database` (engines), `migrate` with `migrations`. Knows neither Kafka nor the web.
"""
