"""Proofs made from the newest block."""
