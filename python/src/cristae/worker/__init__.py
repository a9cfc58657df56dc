"""The worker: one process does one job. Started as ``python -m cristae.worker`` by :mod:`cristae.jobs`."""
