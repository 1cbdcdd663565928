"""One order's way: a client posts it, Kafka keeps it, workers move it on.

POST /orders  -> orders + order-status PENDING      (orders, one transaction)
orders        -> payments + order-status PAID/DECLINED (payments, with the offsets)
payments      -> notifications + delivery           (notifications, with the offsets)
what no worker can read or decide -> failed-*       (in that same transaction)
"""
