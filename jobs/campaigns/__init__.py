"""Campaigns: measured variants of a parent, models that learn from them, and the plates that come next."""
