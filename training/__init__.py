"""Exports to dataset to adapter to persona; offline, and needs the extra `train`."""
