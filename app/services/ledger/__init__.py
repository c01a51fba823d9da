"""The way of an event: intake, blocks, publication, destruction; who may sign; and the audit of all of it."""
