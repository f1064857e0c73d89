"""Training at a hosted, OpenAI-compatible fine-tuning API, and taking everything back from there."""
