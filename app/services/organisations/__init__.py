"""People at organisations: seats, decisions of two, cases, furnishers, supervision and its figures."""
