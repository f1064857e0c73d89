"""A storm over Discord's own protocol: unmodified clients in whole services, a real Redis, and the tests' Discord."""
