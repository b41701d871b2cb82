"""Incidents: occurrences under discussion, as pure folds over what the parties said of them."""
