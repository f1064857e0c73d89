"""`python -m bot` is `understudy`."""

from bot.cli.main import main

main()
