"""What holds of every recipe, whatever was said."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.exports.export import Export
from chat.message import Attachment, Message
from inference.prompt import PromptFormat, prompt_line
from tests.training.dataset.exports import Said, chat_of
from training.dataset.build import make_rows
from training.dataset.cookbook import PRESETS, read_recipe
from training.dataset.history import histories
from training.dataset.recipe import Recipe
from training.dataset.row import Row, Talk
from training.errors import DatasetTooSmall

_MESSAGES = st.builds(
    Said,
    name=st.sampled_from(["Sam", "Leo", "Mia"]),
    text=st.sampled_from(
        ["ok", "a b", "hi Leo", "https://x.org", "", "mia?\nno", "###", "x" * 70, "\u200b", "ja."]
    )
    | st.text(max_size=12).filter(lambda text: "\x00" not in text),
    minutes=st.sampled_from([0, 1, 2, 3, 5, 6, 14, 15, 16, 59, 360, 361, 1440, 3000]),
    forwarded=st.sampled_from([False, False, False, True]),
    reply_to=st.none() | st.just(0),
    attachment=st.sampled_from([None, None, None, None, *Attachment]),
)
_CHATS = st.lists(st.lists(_MESSAGES, min_size=1, max_size=40), min_size=1, max_size=2)
_OPTIONS = {
    "turns": [[], ["history_messages=2", "silences=5", "pause_minutes=1"]],
    "conversations": [
        [],
        ["max_chars=40"],
        ["max_messages=3", "gap_hours=1"],
        ["pairs=true"],
        ["roll_over_trailing=false"],
    ],
    "documents": [[], ["unique=true", "min_chars=4"], ["group_messages=[2,3]", 'url_only="keep"']],
    "pairs": [["groups=true"], ["groups=true", "history_turns=3", "gap_hours=1"]],
    "contact-chunks": [["groups=true"], ["groups=true", "max_tokens=60"], ["groups=true", 'learn="owner"']],
    "weclone": [[], ["max_chars=20"], ["cut_links=false", "skip_replies=false", "skip=[]", "cut=[]"]],
}
RECIPES = [
    pytest.param(read_recipe(name, changes), id=f"{name}: {', '.join(changes) or 'as published'}")
    for name in PRESETS
    for changes in _OPTIONS[name]
]


def exports_of(chats: Sequence[Sequence[Said]]) -> list[Export]:
    return [chat_of(lines, f"chat {number}", direct=None) for number, lines in enumerate(chats)]


@pytest.mark.parametrize("recipe", RECIPES)
@settings(max_examples=40, deadline=None)
@given(chats=_CHATS)
def test_each_message_is_learned_once_at_most_as_it_was_typed_and_in_order(
    recipe: Recipe, chats: Sequence[Sequence[Said]]
) -> None:
    exports = exports_of(chats)
    messages = {(str(e.chat.key), m.id): m for e in exports for m in e.messages}
    places = {key: place for place, key in enumerate(messages)}
    rows = list(recipe.rows(histories(exports)))
    count = Counter((row.chat, span.source) for row in rows for span in row.learned)
    assert all(times == 1 for times in count.values())
    for row in rows:
        shown = [places[row.chat, source] for source in row.sources]
        assert shown == sorted(shown)
        assert len(set(shown)) == len(shown)
        times = [messages[row.chat, source].sent_at for source in row.sources]
        assert (row.first, row.last) == (min(times), max(times))
        assert row.authors == tuple(dict.fromkeys(messages[row.chat, s].author.id for s in row.sources))
        learned = [places[row.chat, span.source] for span in row.learned]
        assert learned == sorted(learned)
        assert set(learned) <= set(shown)
        spans = [(span.part, span.begin, span.end) for span in row.learned]
        assert all(begin < end <= len(row.body.parts[part]) for part, begin, end in spans)
        assert all(one[0] < two[0] or one[2] <= two[1] for one, two in itertools.pairwise(spans))
        for span in row.learned:
            message = messages[row.chat, span.source]
            assert span.author == message.author.id
            assert not message.forwarded
            text = row.body.parts[span.part][span.begin : span.end]
            if recipe.preset != "conversations":  # which puts Person1 in the place of names
                assert text in (message.text.strip(), _line(message)) or (
                    recipe.preset == "weclone" and message.text.strip().startswith(text)
                )


def _line(message: Message) -> str:
    return prompt_line(PromptFormat("Sam"), message.text, None)


@pytest.mark.parametrize(
    "recipe", [recipe for recipe in RECIPES if "learn=" in str(recipe.id) or "chunks" not in str(recipe.id)]
)
@settings(max_examples=40, deadline=None)
@given(chats=_CHATS)
def test_nobody_elses_words_are_learned(recipe: Recipe, chats: Sequence[Sequence[Said]]) -> None:
    for row in recipe.rows(histories(exports_of(chats))):
        assert {span.author for span in row.learned} <= {"Sam"}
        if isinstance(row.body, Talk):
            roles = [message.role for message in row.body.messages]
            assert all(roles[part] == "assistant" for part in row.trained)
            assert all(one != other for one, other in itertools.pairwise(roles))


@pytest.mark.parametrize("recipe", RECIPES)
@settings(max_examples=40, deadline=None)
@given(chats=_CHATS, embargo=st.sampled_from([0, 3, 24]))
def test_no_row_crosses_the_cut(recipe: Recipe, chats: Sequence[Sequence[Said]], embargo: int) -> None:
    split = recipe.split.model_copy(update={"held_out": 0.4, "embargo_hours": embargo, "leak_chars": 999})
    try:
        rows = make_rows(exports_of(chats), recipe.model_copy(update={"split": split}))
    except DatasetTooSmall:
        return
    assert rows.until is not None
    assert rows.since is not None
    assert all(row.last < rows.until for row in rows.train)
    held = (*rows.valid, *rows.test)
    assert all(row.first >= rows.since for row in held)
    assert not _sources(rows.train) & _sources(held)
    assert not _sources(rows.valid) & _sources(rows.test)


def _sources(rows: Sequence[Row]) -> set[tuple[str, str]]:
    return {(row.chat, source) for row in rows for source in row.sources}
