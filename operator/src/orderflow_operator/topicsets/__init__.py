"""TopicSets brought about: reading and writing KafkaTopics, topics in Kafka, and the status.

reconcile     one pass for one TopicSet; the entrance
strimzi       the pass of the Strimzi backend
admin         the pass of the Admin backend
leaving       what becomes of topics whose TopicSet is gone
kafka_topics  KafkaTopics on the API server
brokers       topics through Kafka's Admin API; the only one that knows the Kafka client
status        the status during one pass
writing       leave to write
"""

from orderflow_operator.topicsets.brokers import TopicAdmin
from orderflow_operator.topicsets.reconcile import Outcome, TopicSets
from orderflow_operator.topicsets.writing import NotTheWriter

__all__ = ["NotTheWriter", "Outcome", "TopicAdmin", "TopicSets"]
