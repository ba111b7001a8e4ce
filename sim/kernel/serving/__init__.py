"""Serving: continuous batching with runs of equal steps taken in one go."""
