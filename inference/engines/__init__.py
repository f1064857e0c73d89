"""Model servers: each engine starts or reaches one and gives its OpenAI-compatible address."""
