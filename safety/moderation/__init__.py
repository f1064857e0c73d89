"""Moderation: classifiers that say how hateful, sexual or violent a text is, behind one protocol."""
