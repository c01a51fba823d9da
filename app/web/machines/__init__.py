"""For programs: the interface of /v1, the public log, operations, and the front door."""
