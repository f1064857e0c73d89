"""A grammar of casual group chat: it writes the base corpus and Sam's own chat."""
