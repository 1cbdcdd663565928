"""Prove the guarantees on the log itself: nothing lost, nothing doubled, every user's records in order.

ledger    pure   what is known of each order, compactly
checker   pure   records of the topics -> report
report    pure   what became of the orders, and what is wrong
retention pure   which orders are too old to judge
reading          the topics -> checker, in the order that makes a live log checkable
"""
