"""What consumer lag means, once, for the services, the operator and the local system.

observation   pure   what one read of the brokers told us
truth         pure   observation -> lag in records, each partition with its reason
seconds       pure   own samples of the end offsets -> lag in seconds
errors        pure   why the brokers could not be read
read                 the brokers -> observation; the only package that imports a Kafka client
monitor              read after read -> groups with their lag in records and in seconds
"""
