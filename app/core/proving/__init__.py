"""What leaves the building and stands up elsewhere: proofs, claims, credentials, transitions, exports."""
