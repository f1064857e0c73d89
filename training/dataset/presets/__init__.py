"""The presets: recipes that people have published, and our own, one file each."""
