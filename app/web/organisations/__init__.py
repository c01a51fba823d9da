"""The pages of banks, furnishers, staff and regulators."""
