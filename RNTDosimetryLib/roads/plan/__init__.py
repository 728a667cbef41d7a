"""A radioembolisation planned: the verb plan."""
