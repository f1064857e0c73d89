"""`chats`: let the stand-in in, and set how it behaves."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.app import open_office
from bot.cli.screen import say
from bot.cli.wishes import owner, wishes
from bot.errors import SettingsInvalid
from bot.settings import Settings
from chat.message import Chat, ChatKey
from safety.disclosure import Disclosure
from safety.mode import Mode

group = typer.Typer(help="Chats: let the stand-in in, and set how it behaves.", invoke_without_command=True)


@group.callback()
def _without_verb(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@group.command()
def enable(
    context: typer.Context,
    chat: Annotated[str, typer.Argument(help="messenger/chat-id, such as local/friends.")],
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
) -> None:
    """Let the stand-in into a chat. It starts in manual mode."""
    asked = wishes(context)
    asked.run(_enable(asked.settings(quiet="warning"), key_of(chat), title))


@group.command()
def disable(
    context: typer.Context,
    chat: Annotated[str, typer.Argument(help="messenger/chat-id, such as local/friends.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the stand-in out of a chat, and erase what was stored of it."""
    asked, key = wishes(context), key_of(chat)
    if not yes:
        typer.confirm(f"Erase everything that is stored of {key}, the ledger aside?", abort=True)
    asked.run(_disable(asked.settings(quiet="warning"), key))


@group.command("set")
def change(
    context: typer.Context,
    chat: Annotated[str, typer.Argument(help="messenger/chat-id, such as local/friends.")],
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="off; shadow: drafts are written, never sent; manual: you approve each; auto: it answers alone."
        ),
    ] = None,
    probability: Annotated[
        float | None, typer.Option(help="0 to 1: how often ambient talk is answered.")
    ] = None,
    kill_word: Annotated[
        list[str] | None,
        typer.Option(help="A kill word of this chat; repeat it for several. '' takes them away."),
    ] = None,
    disclosure: Annotated[
        list[Disclosure] | None,
        typer.Option(help="How its people are told of the stand-in; repeat it for several ways."),
    ] = None,
) -> None:
    """Change a chat's mode, probability, kill words, or how its people are told."""
    asked = wishes(context)
    asked.run(
        _change(asked.settings(quiet="warning"), key_of(chat), mode, probability, kill_word, disclosure)
    )


def add_to(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(group, name="chats")


async def _enable(settings: Settings, key: ChatKey, title: str) -> None:
    async with open_office(settings) as office:
        chat = Chat(key, title or key.chat_id)
        if key.messenger == "local":
            await office.rooms.open(chat)
        await office.desk.enable(owner(), chat)
        state = await office.desk.chats.get(key)
        say(f"{key}: {state.policy.mode.value}")


async def _disable(settings: Settings, key: ChatKey) -> None:
    async with open_office(settings) as office:
        await office.desk.disable(owner(), key)
        say(f"{key}: disabled, and what was stored of it is erased.")


async def _change(
    settings: Settings,
    key: ChatKey,
    mode: Mode | None,
    probability: float | None,
    words: list[str] | None,
    ways: list[Disclosure] | None,
) -> None:
    async with open_office(settings) as office:
        if mode is not None:
            await office.desk.set_mode(owner(), key, mode)
        if probability is not None:
            await office.desk.set_probability(owner(), key, probability)
        if words:
            await office.desk.set_kill_words(owner(), key, tuple(word for word in words if word))
        if ways:
            await office.desk.set_disclosure(owner(), key, frozenset(ways))
        state = await office.desk.chats.get(key)
        told = " and ".join(sorted(state.policy.disclosure))
        own = "".join(f", kill word {word}" for word in state.policy.kill_words)
        say(f"{key}: {state.policy.mode.value}, probability {state.policy.probability:g}{own}, {told}")


def key_of(text: str) -> ChatKey:
    """Read a chat as a person writes it. Raises SettingsInvalid."""
    try:
        return ChatKey.parse(text)
    except ValueError:
        raise SettingsInvalid(
            f"{text!r} is no chat: write messenger/chat-id, such as local/friends"
        ) from None
