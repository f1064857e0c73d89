"""The project's own chat templates: for bases that have none, and for recipes whose rows are no chats.

A server renders a chat with the template that lies in the persona's folder, so whatever a recipe's rows look
like, the template lays a served chat out in the same way. All are one line of Jinja that transformers, vLLM
and llama.cpp read alike; names and marks are written into them.
"""

from __future__ import annotations

import json
from typing import Any, Final

# `messages` made anew, which a template that follows then reads: what the others wrote, line by line.
_EACH_LINE: Final = (
    "{%- set ns = namespace(rows=[], names=[]) -%}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}"
    "{%- set said = namespace(lines=[]) -%}"
    "{%- for line in message['content'].split('\\n') -%}%LINE%{%- endfor -%}"
    "{%- set ns.rows = ns.rows + [{'role': 'user', 'content': said.lines | join('\\n')}] -%}"
    "{%- else -%}{%- set ns.rows = ns.rows + [message] -%}{%- endif -%}"
    "{%- endfor -%}"
    "{%- set messages = ns.rows -%}"
)
_REST: Final = "line.split(': ')[1:] | join(': ')"

# llama.cpp puts the system's text into the next message where it finds that a template never looks at it.
_LOOKED_AT: Final = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set looked = messages[0]['content'] | length -%}{%- set messages = messages[1:] -%}{%- endif -%}"
)

WITHOUT_NAMES: Final = _EACH_LINE.replace("%LINE%", f"{{%- set said.lines = said.lines + [{_REST}] -%}}")
"""Before a template whose rows tell no speakers: `Mia: hey` becomes `hey`."""

NUMBERED: Final = _EACH_LINE.replace(
    "%LINE%",
    "{%- set name = line.split(': ')[0] -%}"
    "{%- if name not in ns.names -%}{%- set ns.names = ns.names + [name] -%}{%- endif -%}"
    "{%- set who = namespace(number=0) -%}"
    "{%- for known in ns.names -%}"
    "{%- if known == name -%}{%- set who.number = loop.index -%}{%- endif -%}"
    "{%- endfor -%}"
    f"{{%- set said.lines = said.lines + ['Person' ~ who.number ~ ': ' ~ ({_REST})] -%}}",
)
"""Before a template whose rows number the speakers: `Mia: hey` becomes `Person1: hey`."""

SYSTEM_TO_USER: Final = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- if messages | length > 1 and messages[1]['role'] == 'user' -%}"
    "{%- set messages = [{'role': 'user', 'content': messages[0]['content'] ~ '\\n\\n' ~ messages[1]['content']}]"
    " + messages[2:] -%}"
    "{%- else -%}"
    "{%- set messages = [{'role': 'user', 'content': messages[0]['content']}] + messages[1:] -%}"
    "{%- endif -%}{%- endif -%}"
)
"""Before a template that has no system messages: its text begins what the others say."""

WITHOUT_THOUGHTS: Final = "{%- set enable_thinking = false -%}"
"""Before a template that lets a model think aloud: nobody's messages have thoughts in them."""


SPACE_FIRST: Final = "{{ ' ' }}"
"""Before a template that begins with a word, where the tokenizer takes a word at the beginning to follow a space."""


def named_speakers(name: str, begin: str, end: str, marks: tuple[str, str] | None) -> str:
    """Give the template for a base that has none.

    With `marks`, which open and close a message, each message is marked with its role; without, the speakers'
    names alone tell who speaks, and the persona's `name` stands before an answer. `begin` opens the text,
    where the tokenizer has a token for that. An answer ends with `end`, which is one token; it and the words
    before it stand between `{% generation %}` tags.
    """
    if marks is not None:
        opened, closed = (_text(mark) for mark in marks)
        return (
            f"{{{{- {_text(begin)} -}}}}"
            f"{{%- for message in messages -%}}{{{{- {opened} ~ message['role'] ~ '\\n' -}}}}"
            "{%- if message['role'] == 'assistant' -%}"
            f"{{%- generation -%}}{{{{- message['content'] ~ {closed} -}}}}{{%- endgeneration -%}}"
            f"{{%- else -%}}{{{{- message['content'] ~ {closed} -}}}}{{%- endif -%}}{{{{- '\\n' -}}}}{{%- endfor -%}}"
            f"{{%- if add_generation_prompt -%}}{{{{- {opened} ~ 'assistant\\n' -}}}}{{%- endif -%}}"
        )
    return (
        f"{{{{- {_text(begin)} -}}}}"
        "{%- for message in messages -%}"
        "{%- if message['role'] == 'system' -%}{{- message['content'] ~ '\\n\\n' -}}"
        "{%- elif message['role'] == 'assistant' -%}"
        f"{{{{- {_text(f'{name}:')} -}}}}"
        f"{{%- generation -%}}{{{{- ' ' ~ message['content'] ~ {_text(end)} -}}}}{{%- endgeneration -%}}"
        "{{- '\\n' -}}"
        "{%- else -%}{{- message['content'] ~ '\\n' -}}{%- endif -%}"
        "{%- endfor -%}"
        f"{{%- if add_generation_prompt -%}}{{{{- {_text(f'{name}:')} -}}}}{{%- endif -%}}"
    )


def document(begin: str) -> str:
    """Give the template for rows of own messages alone: what was said last, a line a message, without names."""
    return (
        f"{_LOOKED_AT}{WITHOUT_NAMES}{{{{- {_text(begin)} -}}}}"
        "{%- for message in messages -%}{{- message['content'] ~ '\\n' -}}{%- endfor -%}"
    )


def pair(begin: str, separator: str, turns: int) -> str:
    """Give the template for prompt and completion: so many turns, without names, and the separator."""
    return (
        f"{_LOOKED_AT}{WITHOUT_NAMES}{{{{- {_text(begin)} -}}}}"
        f"{{%- set messages = messages[-{turns}:] -%}}"
        "{%- for message in messages -%}"
        "{{- message['content'] -}}{%- if not loop.last -%}{{- '\\n' -}}{%- endif -%}{%- endfor -%}"
        f"{{%- if add_generation_prompt -%}}{{{{- {_text(separator)} -}}}}{{%- endif -%}}"
    )


def chunk(begin: str, name: str) -> str:
    """Give the template for chunks of a conversation: the head is the system's text, each line has a speaker."""
    line = "{%- for line in message['content'].split('\\n') -%}{{- %BEFORE% ~ line ~ '\\n' -}}{%- endfor -%}"
    return (
        f"{{{{- {_text(begin)} -}}}}"
        "{%- for message in messages -%}"
        "{%- if message['role'] == 'system' -%}{{- message['content'] -}}"
        f"{{%- elif message['role'] == 'assistant' -%}}{line.replace('%BEFORE%', _text(f'### {name}: '))}"
        f"{{%- else -%}}{line.replace('%BEFORE%', _text('### '))}{{%- endif -%}}"
        "{%- endfor -%}"
        f"{{%- if add_generation_prompt -%}}{{{{- {_text(f'### {name}:')} -}}}}{{%- endif -%}}"
    )


def chat_marks(tokenizer: Any) -> tuple[str, str] | None:  # noqa: ANN401 - transformers is untyped here
    """Give the marks that open and close a message, where a base without a template has them all the same.

    Those of ChatML are the only ones that bases have seen in training; a vocabulary's reserved tokens have
    never been trained, and an adapter does not train them either.
    """
    marks = ("<|im_start|>", "<|im_end|>")
    return marks if set(marks) <= set(tokenizer.get_added_vocab()) else None


def _text(text: str) -> str:
    """A text as Jinja writes it, with nothing in it that could end the block."""
    quoted = json.dumps(text, ensure_ascii=False)
    for mark in ("{", "}", "%"):
        quoted = quoted.replace(mark, f'" ~ "{mark}" ~ "')
    return f"({quoted})" if "~" in quoted else quoted
