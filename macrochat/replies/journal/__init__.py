"""What is committed of every reply, and how it gets there: the writer, the logs, the leases."""
