"""The worker runtime: records in, records out, exactly once. The one place that speaks to Kafka.

    poll -> decode, react per record -> begin, produce, offsets, commit -> poll
      |          |                                     |
      |          a poison record becomes a dead letter |
      revoked records are dropped before they start    an abort redoes the batch from memory

Pure: `service` (what a worker is), `codec` (headers), `dead_letters`, `batches` (which offsets to commit).
I/O: `clients`, `transactions`, `worker` (the loop), `membership`, `health`, `watchdog`, `admin`, `reader`;
`sink` (the loop where results go to a `store` beside Kafka); for records that come one by one from elsewhere,
`group_commit` with its `waiting_room`, `lane` and `outcomes`.
"""
