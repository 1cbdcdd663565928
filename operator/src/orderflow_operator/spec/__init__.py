"""What people wrote in a custom resource, as values; a bad field is an error that names its path. Pure.

fields        how a mapping becomes a value, and the one error of this package
kafka         spec.kafka: where the cluster is and how to log in
streamworker  StreamWorker: what to scale, on which group's lag, within which bounds
topicset      TopicSet: topics, by which means they are made, what is left of them
status        the status of a StreamWorker
"""
