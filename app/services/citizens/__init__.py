"""What citizens see, sign, dispute, share, take along and have erased."""
