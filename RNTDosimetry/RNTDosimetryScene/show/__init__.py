"""Results in views, charts and other modules."""
