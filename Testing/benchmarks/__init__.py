"""Speed, memory and accuracy, measured against their requirements.

Each file ``bench_<subject>.py`` has a function ``run()`` that returns rows (name, value, unit, requirement). The
requirement is a text such as ``"< 1.5"`` or ``">= 200"`` for the value, or empty where there is none.
"""
