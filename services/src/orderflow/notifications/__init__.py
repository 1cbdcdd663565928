"""The Notification Service: a user is told what became of a payment."""
