"""Messages and where they come from: the ground floor, which imports no other package of ours."""
