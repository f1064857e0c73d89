"""A Discord of our own: REST and gateway over real sockets, for the unmodified discord.py."""
