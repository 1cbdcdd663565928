"""Topics as declared and as they are, to what has to be done and what the status says. Pure.

status       what a TopicSet's status says of each topic
sizing       how many partitions a topic may be asked to have
holders      who else has a topic, and what that forbids
manifests    KafkaTopics as documents: their names, whose they are, what an entry asks for
fields       which fields of a KafkaTopic are ours
kafka_topic  what a KafkaTopic tells of its topic
strimzi      the plan of the Strimzi backend
admin        the plan of the Admin backend
release      how a KafkaTopic leaves our hands
changes      what happened between two statuses, for Events
"""

from orderflow_operator.topics.broker import BrokerTopic, Seen
from orderflow_operator.topics.status import Reason, Standing, State, TopicStatus, blocked, recorded

__all__ = ["BrokerTopic", "Reason", "Seen", "Standing", "State", "TopicStatus", "blocked", "recorded"]
