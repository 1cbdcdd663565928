"""Dead letters as they lie on their topics, and the way back of those that may be tried again."""
