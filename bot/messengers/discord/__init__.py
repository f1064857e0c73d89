"""Discord, as a bot's account: what is heard, how it is read, and how bubbles are handed over."""
