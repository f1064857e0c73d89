"""Recipes that turn exported messages into training examples."""
