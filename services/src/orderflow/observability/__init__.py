"""What a process tells about itself: structured logs (metrics are kept next to what they count)."""
