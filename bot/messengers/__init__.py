"""Where chats live: one connector a messenger."""
