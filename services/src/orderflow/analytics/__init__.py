"""The analytics service (group `analytics`): all topics of the pipeline -> tables that can be queried."""
