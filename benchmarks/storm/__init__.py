"""A storm over the whole service, with real processes, and the books that must balance after it."""
