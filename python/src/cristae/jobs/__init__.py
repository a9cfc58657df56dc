"""Jobs: the journal, the supervisor and the processes that do the work."""
