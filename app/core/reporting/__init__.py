"""What is reported: the closed set of events, batches, receipts, and what a citizen signed."""
