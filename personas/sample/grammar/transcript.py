"""Transcripts: chat lines become the system, user and assistant messages a model reads."""

from collections.abc import Sequence

from personas.sample.grammar.talk import Line

Message = dict[str, str]


def system_text(me: str, others: Sequence[str]) -> str:
    """Name the one to speak as and the others, in alphabetical order."""
    *most, last = sorted(others)
    names = f"{', '.join(most)} and {last}" if most else last
    return f"You are {me}. Group chat with {names}."


def messages(lines: Sequence[Line], me: str, group: Sequence[str]) -> list[Message]:
    """Join runs of others' lines into user messages and own bursts into assistant messages."""
    found = [{"role": "system", "content": system_text(me, [n for n in group if n != me])}]
    for line in lines:
        role = "assistant" if line.speaker == me else "user"
        text = line.text if line.speaker == me else f"{line.speaker}: {line.text}"
        if found[-1]["role"] == role:
            found[-1]["content"] += "\n" + text
        else:
            found.append({"role": role, "content": text})
    return found


def rendered(chat: Sequence[Message]) -> str:
    """Write messages as the chat template does."""
    return "".join(f"<|{m['role']}|>{m['content']}<|end|>" for m in chat)
