"""How good a persona is, measured on what its person wrote and training never saw."""
