"""The pages of a citizen."""
