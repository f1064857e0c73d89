"""The command line, as a person calls it: in a process of its own."""
