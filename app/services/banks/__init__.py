"""What banks ask and are told."""
