"""How rows of a recipe become text for a model, and how a served chat is laid out in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from jinja2 import TemplateError

from inference.prompt import PromptFormat, PromptMessage, without_marks
from training import templates
from training.dataset.presets.contact_chunks import ContactChunks
from training.dataset.presets.conversations import Conversations
from training.dataset.presets.documents import Documents
from training.dataset.presets.pairs import Pairs
from training.dataset.presets.turns import TurnsRecipe
from training.dataset.presets.weclone import WeClone
from training.dataset.recipe import Recipe
from training.dataset.row import Pair, Row, Talk
from training.errors import BaseUnusable
from training.sentencepiece import Space, space_put_by
from training.settings import Loss

IGNORED: Final = -100
"""The label of a token that is not learned, as PyTorch's cross entropy takes it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids and, one for one, their labels: the id itself, or `IGNORED`."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def learned(self) -> int:
        """How many tokens count in the loss."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A side of a dataset in tokens. `shortened` rows lost old messages, `left_out` ones did not fit at all."""

    rows: tuple[Tokens, ...]
    shortened: int
    left_out: int

    @property
    def learned(self) -> int:
        """How many tokens count in the loss."""
        return sum(row.learned for row in self.rows)


@dataclass(frozen=True, slots=True)
class Case:
    """What a served model is asked on a held-out row: a rendered `prompt`, and what the person wrote there.

    `real` has a line a bubble; it is empty for a silence.
    """

    prompt: str = field(repr=False)
    real: str = field(repr=False)
    chat: str
    row: Row = field(repr=False)
    silence: bool


def form_of(recipe: Recipe, name: str, history_messages: int = 16) -> PromptFormat:
    """Give the prompt format by which a chat is served as this recipe's rows are laid out.

    `name` is who the model is told it is, where the recipe does not say.
    """
    if isinstance(recipe, TurnsRecipe):
        return PromptFormat(
            recipe.name or name, recipe.system, recipe.history_messages, recipe.control_tokens
        )
    if isinstance(recipe, Conversations | WeClone):
        return PromptFormat(name, _braced(recipe.system, name="{name}"), history_messages)
    if isinstance(recipe, ContactChunks):
        head = recipe.head.replace("{me}", "\0").replace("{contact}", "\1")
        return PromptFormat(
            name, _braced(head).replace("\0", "{name}").replace("\1", "{others}"), history_messages
        )
    # Such rows have no system text: the template leaves it out.
    return PromptFormat(name, "{name}", history_messages)


def loss_of(recipe: Recipe, asked: str) -> Loss:
    """What counts in the loss: what was asked, or what the recipe is made for.

    Documents are learned whole, as published; so are chunks, unless their head or the others are not to be.
    """
    if asked != "auto":
        return Loss(asked)
    whole = isinstance(recipe, Documents) or (
        isinstance(recipe, ContactChunks) and recipe.learn == "everybody" and not recipe.mask_prompt
    )
    return Loss.EVERYTHING if whole else Loss.OWN


class Layout:
    """One recipe's rows in one tokenizer's terms.

    `template` is the chat template that a server renders a chat with, `stop` are the texts that end an answer
    besides the end mark, and `form` is the prompt format. `notes` say in plain words what was not as usual.
    """

    def __init__(
        self,
        tokenizer: Any,  # noqa: ANN401 - transformers is untyped here
        form: PromptFormat,
        template: str,
        row_template: str,
        stop: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        opener: str = "",
    ) -> None:
        self.tokenizer = tokenizer
        added = map(str, tokenizer.added_tokens_decoder.values())
        #: What nobody may smuggle into a prompt.
        self.marks: tuple[str, ...] = tuple(
            sorted(mark for mark in {*tokenizer.all_special_tokens, *added} if mark.strip())
        )
        whole = tuple(mark for mark in self.marks if len(mark) > 1 and len(mark.split()) == 1)
        self.form = replace(form, control_tokens=tuple(sorted({*form.control_tokens, *whole})))
        self.template = template
        self.stop = stop
        self.notes = notes
        # How rows are rendered: they are laid out already, as `template` lays out a served chat.
        self._row_template = row_template
        # What stands before a line of the persona's in a text of several speakers.
        self._opener = opener
        if tokenizer.eos_token is None:
            raise BaseUnusable("the base's tokenizer has no end token, so a model would never stop")

    def render(self, messages: Sequence[PromptMessage]) -> str:
        """The text of a served chat, with the mark that asks for an answer."""
        return self._text(self.template, messages, ask=True)

    def tokens(self, row: Row, loss: Loss) -> Tokens:
        """Tokenize one row in full. Raises BaseUnusable when the template does not fit training."""
        return self._tokens(_Fit.of(row), loss)

    def encode_all(self, rows: Iterable[Row], loss: Loss, max_length: int) -> Encoded:
        """Tokenize rows; a chat longer than `max_length` tokens loses its oldest messages, a text is cut."""
        found: list[Tokens] = []
        shortened = left_out = 0
        for row in rows:
            for whole in self._parts(row, loss):
                fit: _Fit | None = whole
                tokens = self._tokens(whole, loss)
                while fit is not None and len(tokens.ids) > max_length:
                    fit = fit.shorter(tokens, max_length)
                    tokens = self._tokens(fit, loss) if fit is not None else tokens
                    if fit is not None and fit.cut is not None:
                        tokens = Tokens(tokens.ids[:max_length], tokens.labels[:max_length])
                if fit is None or not tokens.learned:
                    left_out += 1
                    continue
                shortened += fit is not whole
                found.append(tokens)
        return Encoded(tuple(found), shortened, left_out)

    def cases(self, rows: Iterable[Row]) -> tuple[Case, ...]:
        """What a served model is asked on held-out rows: to write what the person wrote there.

        Of a document it is the second half, a single message gives none; of a chunk, each message of the
        persona that answers somebody.
        """
        return tuple(case for row in rows for case in self._cases(row))

    def _cases(self, row: Row) -> Iterator[Case]:
        body = row.body
        if isinstance(body, Talk):
            answers = dict(zip(row.trained, row.answers, strict=True)) if not row.silence else {}
            for place in row.trained:
                prompt = self._text(self._row_template, self._clean(body.messages[:place]), ask=True)
                yield Case(prompt, answers.get(place, ""), row.chat, row, row.silence)
            return
        begin = self._begin
        if self._opener:
            yield from self._chunk_cases(row, "".join(body.parts), self._opener)
        elif isinstance(body, Pair):
            yield Case(begin + self._safe(body.prompt), "\n".join(row.answers), row.chat, row, silence=False)
        elif len(row.learned) > 1:
            half = row.learned[(len(row.learned) + 1) // 2].begin
            prompt, real = body.text[:half], body.text[half:].strip()
            yield Case(begin + self._safe(prompt), real, row.chat, row, silence=False)

    def _chunk_cases(self, row: Row, text: str, opener: str) -> Iterator[Case]:
        place = text.find(f"\n{opener}")
        while place >= 0:
            end = text.find("\n### ", place + 1)
            said = text[place + 1 + len(opener) : end if end >= 0 else len(text)]
            before = text.rfind("\n### ", 0, place) + 1
            if text.startswith("### ", before) and not text.startswith(opener, before):
                # Up to the colon, as a served chat ends: the blank after it belongs to the answer's first token.
                prompt = self._begin + self._safe(text[: place + len(opener)])
                yield Case(prompt, said.strip(), row.chat, row, silence=False)
            place = text.find(f"\n{opener}", place + 1)

    def _parts(self, row: Row, loss: Loss) -> Iterator[_Fit]:
        """The row at once, or where the template rewrites what came before, each answer by itself."""
        whole = _Fit.of(row)
        if len(whole.places) > 1:
            try:
                self._tokens(whole, loss)
            except _Rewrites:
                yield from (
                    replace(whole, messages=whole.messages[: place + 1], places=(place,))
                    for place in whole.places
                )
                return
        yield whole

    def _tokens(self, fit: _Fit, loss: Loss) -> Tokens:
        if fit.places:
            return self._talk(fit, loss)
        return self._plain(fit.row, loss)

    def _talk(self, fit: _Fit, loss: Loss) -> Tokens:
        ids: list[int] = []
        labels: list[int] = []
        written = ""
        messages = self._clean(fit.messages)
        for place in fit.places:
            prompt = self._text(self._row_template, messages[:place], ask=True)
            whole = self._text(self._row_template, messages[: place + 1], ask=False)
            if not prompt.startswith(written) or not whole.startswith(prompt):
                raise _Rewrites(
                    "the base's chat template rewrites what came before: take one that only appends"
                )
            answer = self._to_end_mark(whole[len(prompt) :], messages[place].content)
            for text, learned in ((prompt[len(written) :], loss is Loss.EVERYTHING), (answer, True)):
                piece = self._next_ids(ids, written, text)
                ids += piece
                labels += piece if learned else [IGNORED] * len(piece)
                written += text
        return Tokens(tuple(ids), tuple(labels))

    def _plain(self, row: Row, loss: Loss) -> Tokens:
        """A text without roles. A prompt is tokenized by itself, as a server does."""
        begin, end = self._begin, [int(self.tokenizer.eos_token_id)]
        if isinstance(row.body, Pair):
            asked = begin + self._safe(row.body.prompt)
            prompt = self._ids(asked)
            completion = [*self._next_ids(prompt, asked, self._safe(row.body.completion)), *end]
            shown = prompt if loss is Loss.EVERYTHING else [IGNORED] * len(prompt)
            return Tokens((*prompt, *completion), (*shown, *completion))
        text, spans = self._safe_spans(row)
        # With what opens it, as a server gets it: whether a space is put before a text may hang on that.
        found = self.tokenizer(begin + text, add_special_tokens=False, return_offsets_mapping=True)
        ids = [int(token) for token in found["input_ids"]]
        if loss is Loss.EVERYTHING:
            return Tokens((*ids, *end), (*ids, *end))
        places = [(since + len(begin), until + len(begin)) for since, until in spans]
        learned = [
            token if any(first < until and last > since for since, until in places) else IGNORED
            for token, (first, last) in zip(ids, found["offset_mapping"], strict=True)
        ]
        # What stands last ends the text, whoever wrote it; only one's own end is one's own to learn.
        closing = end if spans[-1][1] >= len(text.rstrip()) else [IGNORED]
        return Tokens((*ids, *end), (*learned, *closing))

    def _safe_spans(self, row: Row) -> tuple[str, list[tuple[int, int]]]:
        """A document without marks, and where in that its learned messages stand."""
        (text,) = row.body.parts
        safe, spans, done = "", [], 0
        for span in row.learned:
            safe += self._safe(text[done : span.begin])
            words = self._safe(text[span.begin : span.end])
            spans.append((len(safe), len(safe) + len(words)))
            safe, done = safe + words, span.end
        return safe + self._safe(text[done:]), spans

    @property
    def _begin(self) -> str:
        return _begin(self.tokenizer)

    def _clean(self, messages: Sequence[PromptMessage]) -> tuple[PromptMessage, ...]:
        return tuple(PromptMessage(message.role, self._safe(message.content)) for message in messages)

    def _safe(self, text: str) -> str:
        """Without the base's own marks: in an export they are what somebody typed, and in a row no token."""
        return without_marks(text, self.form.control_tokens)

    def _text(self, template: str, messages: Sequence[PromptMessage], *, ask: bool) -> str:
        rows = [asdict(message) for message in messages]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    rows, chat_template=template, tokenize=False, add_generation_prompt=ask
                )
            )
        except TemplateError as error:
            raise BaseUnusable(f"the base's chat template refuses this chat: {error}") from None

    def _ids(self, text: str) -> list[int]:
        # The template wrote every mark already; a server adds none to a rendered prompt either.
        return (
            [int(token) for token in self.tokenizer(text, add_special_tokens=False)["input_ids"]]
            if text
            else []
        )

    def _next_ids(self, before: Sequence[int], written: str, text: str) -> list[int]:
        """The tokens of `text` after `written`: of the whole where that goes on from `before`, else its own.

        Some tokenizers put a space before every text that they are given, which must not happen in the middle.
        """
        whole = self._ids(written + text)
        return whole[len(before) :] if whole[: len(before)] == list(before) else self._ids(text)

    def _to_end_mark(self, text: str, content: str) -> str:
        """Cut after the first mark behind the words: what a template adds after that is not the model's to say."""
        after = max(text.find(content.strip()), 0) + len(content.strip())
        ends = [text.index(mark, after) + len(mark) for mark in self.marks if mark in text[after:]]
        if not ends:
            raise BaseUnusable(
                "the base's chat template ends an answer with no special token, so the model would never stop: take "
                "another base"
            )
        return text[: min(ends)]


def layout_of(recipe: Recipe, tokenizer: Any, form: PromptFormat) -> Layout:  # noqa: ANN401
    """Give the layout of a recipe's rows for a tokenizer. Raises BaseUnusable.

    Chats take the base's own template, or where it has none, the project's; other rows take one that renders
    a served chat as those rows look. `form` is that of `form_of`.
    """
    begin = _begin(tokenizer)
    if isinstance(recipe, Documents):
        served = templates.document(begin)
        return Layout(tokenizer, form, served, served)
    if isinstance(recipe, Pairs):
        served = templates.pair(begin, recipe.separator, recipe.history_turns + 1)
        return Layout(tokenizer, form, served, served, (recipe.stop,))
    if isinstance(recipe, ContactChunks):
        # One bubble an answer: where the next speaker begins, it is somebody else's or the next answer's.
        served = templates.chunk(begin, form.name)
        return Layout(tokenizer, form, served, served, ("\n###",), opener=f"### {form.name}: ")
    notes: tuple[str, ...] = ()
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    if not template:
        marks = templates.chat_marks(tokenizer)
        template = templates.named_speakers(form.name, begin, tokenizer.eos_token or "", marks)
        notes = ("the base has no chat template: the project's own is used, which names the speakers",)
    else:
        template, notes = _fitting(tokenizer, str(template))
        template = begun(tokenizer, template)
    before = ""
    if isinstance(recipe, Conversations) and recipe.anonymise:
        before = templates.NUMBERED
    elif isinstance(recipe, WeClone):
        before = templates.WITHOUT_NAMES
    return Layout(tokenizer, form, before + template, template, (), notes)


def begun(tokenizer: Any, template: str) -> str:  # noqa: ANN401 - transformers is untyped here
    """Write the space before a text into a base's template, where its tokenizer puts one there and no mark stands.

    The tokens stay the same, since such a tokenizer puts no second one. llama.cpp cannot put one there alone.
    """
    if (space := space_put_by(tokenizer)) is not Space.FIRST:
        return template
    chat = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    try:
        text = tokenizer.apply_chat_template(
            chat, chat_template=template, tokenize=False, add_generation_prompt=True
        )
    except TemplateError:
        return template
    opened = space.settled(text, tokenizer.get_added_vocab()) == text
    return template if opened else templates.SPACE_FIRST + template


def _fitting(tokenizer: Any, template: str) -> tuple[str, tuple[str, ...]]:  # noqa: ANN401
    """Give a base's template such that it takes our chats: a system message, and nobody thinking aloud."""
    if "enable_thinking" in template:
        template = templates.WITHOUT_THOUGHTS + template
    asked = {"role": "user", "content": "a"}
    answered = {"role": "assistant", "content": "b"}
    system = {"role": "system", "content": "understudy"}
    for chat in ([system, asked], [system, answered, asked]):
        try:
            text = tokenizer.apply_chat_template(
                chat, chat_template=template, tokenize=False, add_generation_prompt=True
            )
        except TemplateError:
            text = ""
        if "understudy" not in text:
            return templates.SYSTEM_TO_USER + template, (
                "the base's chat template takes no system message: its text begins what the others say",
            )
    return template, ()


class _Rewrites(BaseUnusable):
    """A template writes an earlier message otherwise once there is a later one."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """A row as far as it fits: its messages, and where in them the learned ones stand. `cut` is a text's end."""

    row: Row
    messages: tuple[PromptMessage, ...]
    places: tuple[int, ...]
    cut: int | None = None

    @classmethod
    def of(cls, row: Row) -> _Fit:
        return cls(row, row.body.messages, row.trained) if isinstance(row.body, Talk) else cls(row, (), ())

    def shorter(self, tokens: Tokens, max_length: int) -> _Fit | None:
        """Drop the oldest exchange after the system message; None when nothing learned would be left."""
        if not self.places:
            # A text loses its end; an answer without its end would be learned to never end.
            return None if isinstance(self.row.body, Pair) else replace(self, cut=max_length)
        head = 1 if self.messages[0].role == "system" else 0
        # Up to the next message of others, for templates that insist on beginning with one.
        drop = 1
        while head + drop < len(self.messages) and self.messages[head + drop].role != "user":
            drop += 1
        places = tuple(place - drop for place in self.places if place >= head + drop)
        rest = (*self.messages[:head], *self.messages[head + drop :])
        if not places or len(rest) < head + 2:
            return None
        return replace(self, messages=rest, places=places)


def _begin(tokenizer: Any) -> str:  # noqa: ANN401 - transformers is untyped here
    """The mark that this tokenizer puts before a text, or else the space, where that needs writing down."""
    ids = tokenizer("a")["input_ids"]
    if tokenizer.bos_token is not None and ids and ids[0] == tokenizer.bos_token_id:
        return str(tokenizer.bos_token)
    return " " if space_put_by(tokenizer) is Space.FIRST else ""


def _braced(text: str, name: str = "") -> str:
    """A text in which braces mean nothing, for `PromptFormat.system`; `name` is the one field that does."""
    escaped = text.replace("{", "{{").replace("}", "}}")
    return escaped.replace("{" + name + "}", name) if name else escaped
