"""Reserves the name: topics declared and workers scaled on lag come with the operator."""
