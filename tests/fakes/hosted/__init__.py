"""A fine-tuning API over a real socket, strict about OpenAI's documented rules."""
