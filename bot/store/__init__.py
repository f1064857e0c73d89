"""Redis: the embedded server, the keys, and the Lua scripts in which several steps are one."""
