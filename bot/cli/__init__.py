"""The `understudy` command line; a file a group of verbs."""
