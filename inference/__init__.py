"""Talking to a model: the prompt, the client, the engines, the persona."""
