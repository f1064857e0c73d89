"""Layouts: rows become exactly the text that a server renders, in the very tokens, and only own words are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.prompt import SILENCE, PromptMessage, build_prompt
from tests.training.conftest import LIKE_TINY_LLAMA, export_of, make_sentencepiece_base, talk
from training.dataset.build import make_rows
from training.dataset.cookbook import PRESETS, read_recipe
from training.dataset.history import histories
from training.dataset.recipe import Recipe
from training.dataset.row import Row, Talk
from training.errors import BaseUnusable
from training.settings import Loss

if TYPE_CHECKING:
    from training.base import BaseFolder
    from training.layout import Layout, Tokens

pytestmark = pytest.mark.train

CHATML = ("<|im_start|>", "<|im_end|>")
RECIPES = {
    "turns": (),
    "conversations": (),
    "documents": (),
    "pairs": ("groups = true",),
    "contact-chunks": ("groups = true",),
    "weclone": (),
}
CHAT = [
    PromptMessage("system", "You are Sam. Group chat with Leo and Mia."),
    PromptMessage("user", "Mia: hey: you\nLeo: a\nMia: b"),
    PromptMessage("assistant", "yeah\nwhy not"),
    PromptMessage("user", "Leo: 100% {{ sure }}"),
]


def test_each_recipe_is_laid_out() -> None:
    assert set(RECIPES) == set(PRESETS)


def recipe_of(name: str) -> Recipe:
    return read_recipe(name, RECIPES[name])


def rows_of(recipe: Recipe, conversations: int = 12) -> tuple[Row, ...]:
    return tuple(recipe.rows(histories([talk(conversations)])))


def tokenizer_of(base: BaseFolder, template: str | None = "") -> Any:  # noqa: ANN401 - transformers is untyped here
    """The base's tokenizer, with another template (None: none at all)."""
    from training.model import load_tokenizer

    tokenizer = load_tokenizer(base)
    if template != "":
        tokenizer.chat_template = template
    return tokenizer


def layout(base: BaseFolder, name: str = "turns", template: str | None = "") -> Layout:
    from training.layout import form_of, layout_of

    recipe = recipe_of(name)
    return layout_of(recipe, tokenizer_of(base, template), form_of(recipe, "Sam"))


def learned_text(found: Layout, tokens: Tokens) -> str:
    from training.layout import IGNORED

    return str(
        found.tokenizer.decode(
            [token for token, label in zip(tokens.ids, tokens.labels, strict=True) if label != IGNORED]
        )
    )


def test_only_own_words_and_their_end_are_learned(tiny_base: BaseFolder) -> None:
    found = layout(tiny_base)
    for row in rows_of(recipe_of("turns")):
        tokens = found.tokens(row, Loss.OWN)
        assert isinstance(row.body, Talk)
        assert learned_text(found, tokens) == row.body.messages[-1].content + "<|end|>"
        # The rest is the prompt, in the very ids that a server makes of the rendered text.
        prompt = found.render(row.body.messages[:-1])
        shown = tokens.ids[: len(tokens.ids) - tokens.learned]
        assert list(shown) == found.tokenizer(prompt, add_special_tokens=False)["input_ids"]


def test_a_silence_is_learned_as_its_sign(tiny_base: BaseFolder) -> None:
    found = layout(tiny_base)
    export = export_of([("Mia", "hi", 0), ("Sam", "hey", 1), ("Leo", "so?", 2), ("Leo", "hm", 30)])
    rows = tuple(recipe_of("turns").rows(histories([export])))
    silent = [row for row in read_recipe("turns", ("silences = 9",)).rows(histories([export])) if row.silence]
    assert silent
    assert not [row for row in rows if row.silence and row.learned]
    for row in silent:
        assert learned_text(found, found.tokens(row, Loss.OWN)) == SILENCE + "<|end|>"
        (case,) = found.cases([row])
        assert (case.silence, case.real) == (True, "")


def test_everything_can_be_learned(tiny_base: BaseFolder) -> None:
    for name in RECIPES:
        found = layout(tiny_base, name)
        for row in rows_of(recipe_of(name)):
            tokens = found.tokens(row, Loss.EVERYTHING)
            assert tokens.labels == tokens.ids


def test_all_turns_of_a_conversation_are_learned_at_once(tiny_base: BaseFolder) -> None:
    found = layout(tiny_base, "conversations")
    for row in rows_of(recipe_of("conversations")):
        tokens = found.tokens(row, Loss.OWN)
        assert learned_text(found, tokens) == "".join(text + "<|end|>" for text in row.answers)
        assert isinstance(row.body, Talk)
        whole = found.tokenizer.apply_chat_template([asdict(m) for m in row.body.messages], tokenize=False)
        assert found.tokenizer.decode(tokens.ids) == whole


def test_documents_and_chunks_end_with_the_end_token(tiny_base: BaseFolder) -> None:
    for name in ("documents", "pairs", "contact-chunks"):
        found = layout(tiny_base, name)
        for row in rows_of(recipe_of(name)):
            tokens = found.tokens(row, Loss.OWN)
            assert tokens.ids[-1] == found.tokenizer.eos_token_id
            assert found.tokenizer.decode(tokens.ids[:-1]) == "".join(row.body.parts)


def test_of_a_chunk_own_words_alone_are_learned(tiny_base: BaseFolder) -> None:
    recipe = read_recipe("contact-chunks", ("groups = true", 'learn = "owner"'))
    found = layout(tiny_base, "contact-chunks")
    for row in recipe.rows(histories([talk(12)])):
        said = learned_text(found, found.tokens(row, Loss.OWN)).removesuffix("<|end|>")
        # A token may hold the blank before a word, too.
        assert said.replace(" ", "") == "".join(row.answers).replace(" ", "")


def test_what_counts_is_what_the_recipe_is_for() -> None:
    from training.layout import loss_of

    usual = {name: loss_of(read_recipe(name), "auto") for name in PRESETS}
    assert {name for name, loss in usual.items() if loss is Loss.EVERYTHING} == {
        "documents",
        "contact-chunks",
    }
    assert loss_of(read_recipe("contact-chunks", ('learn = "owner"',)), "auto") is Loss.OWN
    assert loss_of(read_recipe("documents"), "own") is Loss.OWN
    assert loss_of(read_recipe("turns"), "everything") is Loss.EVERYTHING


@pytest.mark.parametrize("marks", [False, True], ids=["names alone", "ChatML"])
def test_a_base_without_a_template_gets_the_projects_own(tiny_base: BaseFolder, *, marks: bool) -> None:
    from training.layout import form_of, layout_of

    tokenizer = tokenizer_of(tiny_base, None)
    if marks:
        tokenizer.add_special_tokens({"additional_special_tokens": list(CHATML)})
        tokenizer.eos_token = CHATML[1]
    recipe = recipe_of("turns")
    found = layout_of(recipe, tokenizer, form_of(recipe, "Sam"))
    assert found.notes
    if marks:
        assert found.render(CHAT).startswith("<|im_start|>system\nYou are Sam.")
        assert found.render(CHAT).endswith("<|im_end|>\n<|im_start|>assistant\n")
    else:
        assert found.render(CHAT) == (
            "You are Sam. Group chat with Leo and Mia.\n\nMia: hey: you\nLeo: a\nMia: b\nSam: yeah\nwhy not<|end|>\n"
            "Leo: 100% {{ sure }}\nSam:"
        )
    end = CHATML[1] if marks else "<|end|>"
    assert end in found.form.control_tokens
    for row in rows_of(recipe):
        tokens = found.tokens(row, Loss.OWN)
        assert tokens.ids[-1] == tokens.labels[-1] == tokenizer.eos_token_id
        assert learned_text(found, tokens).strip() == row.answers[0] + end if row.answers else SILENCE + end
    # What the tags mark is what is learned; trl would read them so.
    found.tokenizer.chat_template = found.template
    row = next(row for row in rows_of(recipe) if row.answers)
    assert isinstance(row.body, Talk)
    marked = found.tokenizer.apply_chat_template(
        [asdict(message) for message in row.body.messages],
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    assert sum(marked["assistant_masks"]) >= found.tokens(row, Loss.OWN).learned


def test_a_name_is_only_a_name_in_a_template(tiny_base: BaseFolder) -> None:
    from training.layout import form_of, layout_of

    recipe = recipe_of("turns")
    name = "Zoë \"{{ 7 * 7 }}\" {% raw %} \\' O'Neil"
    found = layout_of(recipe, tokenizer_of(tiny_base, None), form_of(recipe, name))
    assert found.render(CHAT).endswith(f"\n{name}:")


def test_marks_that_somebody_typed_are_no_tokens(tiny_base: BaseFolder) -> None:
    export = export_of([("Mia", "<|assistant|>lol<|end|>", 0), ("Sam", "what <|end|> ever", 1)])
    for name in RECIPES:
        found = layout(tiny_base, name)
        end = found.tokenizer.eos_token_id
        opened = found.tokenizer.convert_tokens_to_ids("<|assistant|>")
        for row in recipe_of(name).rows(histories([export])):
            ids = found.tokens(row, Loss.OWN).ids
            marks = 1 if isinstance(row.body, Talk) else 0
            assert ids.count(opened) == marks
            assert ids.count(end) == (len(row.body.messages) if isinstance(row.body, Talk) else 1)


def test_a_long_chat_loses_its_oldest_messages(tiny_base: BaseFolder) -> None:
    found = layout(tiny_base, "conversations")
    longest = max(rows_of(recipe_of("conversations")), key=lambda row: len(row.body.parts))
    whole = found.tokens(longest, Loss.OWN)
    encoded = found.encode_all([longest], Loss.OWN, len(whole.ids) - 1)
    assert (len(encoded.rows), encoded.shortened, encoded.left_out) == (1, 1, 0)
    assert encoded.rows[0].labels[-1] == whole.labels[-1]
    assert encoded.rows[0].ids[: whole.ids.index(4) + 1] == whole.ids[: whole.ids.index(4) + 1]
    assert found.encode_all([longest], Loss.OWN, 8).left_out == 1


def test_a_long_document_is_cut_and_a_long_pair_left_out(tiny_base: BaseFolder) -> None:
    row = max(rows_of(recipe_of("documents")), key=lambda row: len(row.body.parts[0]))
    found = layout(tiny_base, "documents")
    encoded = found.encode_all([row], Loss.EVERYTHING, 8)
    assert [len(tokens.ids) for tokens in encoded.rows] == [8]
    assert encoded.shortened == 1
    pairs = layout(tiny_base, "pairs")
    assert pairs.encode_all(rows_of(recipe_of("pairs"))[:1], Loss.OWN, 4).left_out == 1


def test_a_template_that_rewrites_the_past_gives_a_row_an_answer(tiny_base: BaseFolder) -> None:
    # As some do with thoughts: only the newest answer is written out.
    template = (
        "{% for m in messages %}<|{{ m['role'] }}|>{% if loop.last or m['role'] != 'assistant' %}{{ m['content'] }}"
        "{% endif %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    found = layout(tiny_base, "conversations", template)
    rows = [row for row in rows_of(recipe_of("conversations")) if len(row.trained) > 1]
    assert rows
    encoded = found.encode_all(rows, Loss.OWN, 512)
    assert [learned_text(found, tokens) for tokens in encoded.rows] == [
        answer + "<|end|>" for row in rows for answer in row.answers
    ]


def test_a_template_without_system_messages_is_helped(tiny_base: BaseFolder) -> None:
    template = (
        "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}"
        "<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    found = layout(tiny_base, template=template)
    assert found.notes
    assert found.render(CHAT).startswith(
        "<|user|>You are Sam. Group chat with Leo and Mia.\n\nMia: hey: you\n"
    )
    own_first = [CHAT[0], PromptMessage("assistant", "anyone?"), *CHAT[1:]]
    assert "<|assistant|>anyone?<|end|><|user|>Mia" in found.render(own_first)


def test_thoughts_are_no_part_of_an_answer(tiny_base: BaseFolder) -> None:
    thoughts = (
        "{% if enable_thinking is not defined or enable_thinking %}{% else %}<think></think>{% endif %}"
    )
    template = (
        "{% for m in messages %}<|{{ m['role'] }}|>"
        f"{{% if m['role'] == 'assistant' %}}{thoughts}{{% endif %}}{{{{ m['content'] }}}}<|end|>{{% endfor %}}"
        f"{{% if add_generation_prompt %}}<|assistant|>{thoughts}{{% endif %}}"
    )
    found = layout(tiny_base, template=template)
    assert found.render(CHAT).endswith("<|assistant|><think></think>")
    row = next(row for row in rows_of(recipe_of("turns")) if row.answers)
    assert learned_text(found, found.tokens(row, Loss.OWN)) == row.answers[0] + "<|end|>"


def test_an_answer_must_end_with_a_token(tiny_base: BaseFolder) -> None:
    found = layout(tiny_base, template="{% for m in messages %}{{ m['role'] + m['content'] }}{% endfor %}")
    with pytest.raises(BaseUnusable, match="never stop"):
        found.tokens(rows_of(recipe_of("turns"))[0], Loss.OWN)


def test_a_served_chat_looks_as_rows_do(tiny_base: BaseFolder) -> None:
    """Whoever wrote what in an export: its rows' prompts are what the template makes of the chat at that moment."""
    export = talk(6)
    messages = export.messages
    for name in ("turns", "conversations", "pairs", "contact-chunks"):
        found = layout(tiny_base, name)
        rows = tuple(recipe_of(name).rows(histories([export])))
        cases = [case for case in found.cases(rows) if not case.silence]
        assert cases, name
        first = cases[0]
        place = next(
            place
            for place, message in enumerate(messages)
            if message.own and message.text == first.real.split("\n")[0]
        )
        served = found.render(build_prompt(found.form, messages[:place], ("Leo", "Mia")))
        assert served == first.prompt, name


def test_cases_ask_for_what_was_written(tiny_base: BaseFolder) -> None:
    export = talk(6)
    for name, options in RECIPES.items():
        recipe = recipe_of(name)
        found = layout(tiny_base, name)
        rows = make_rows([export], read_recipe(name, (*options, "split.held_out = 0"))).train
        own = [message.text for message in export.messages if message.own]
        cases = [case for case in found.cases(rows) if not case.silence]
        assert cases, recipe
        for case in cases:
            assert case.real
            assert set(case.real.split("\n")) <= set(own)
            assert case.chat == "whatsapp/Friday five"


def test_an_answer_stops_where_the_rows_go_on(tiny_base: BaseFolder) -> None:
    for name in ("pairs", "contact-chunks"):
        found, ended = layout(tiny_base, name), 0
        for row in rows_of(recipe_of(name)):
            text = "".join(row.body.parts)
            for case in found.cases([row]):
                rest = text.removeprefix(case.prompt)
                if rest.strip() != case.real:
                    (stop,) = found.stop
                    assert rest[: rest.index(stop)].strip() == case.real
                    ended += 1
        assert ended > 5, name


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("own", [False, True], ids=["its own template", "the project's"])
async def test_llama_cpp_renders_what_transformers_renders(
    tiny_base: BaseFolder, tmp_path: Path, name: str, *, own: bool
) -> None:
    from training.gguf_tokenizer import plain_template

    found = layout(tiny_base, name, None if own else "")
    gguf = Path(__file__).parents[2] / "personas/sample/gguf/base.gguf"
    model = LlamaModel("sam", gguf, None, plain_template(found.template))
    chats: Sequence[Sequence[PromptMessage]] = (
        CHAT,
        [CHAT[0], PromptMessage("assistant", "anyone?"), *CHAT[1:]],
    )
    async with (
        LlamaCpp(model, tmp_path / "llama.log", LlamaSettings(slots=1, threads=1)) as engine,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        for chat in chats:
            body = {"messages": [asdict(message) for message in chat], **engine.endpoint.extra_body}
            answer = await http.post(
                engine.endpoint.url("/apply-template"), json=body, headers=engine.endpoint.headers
            )
            assert answer.json()["prompt"] == found.render(chat)


def test_a_form_says_what_rows_say() -> None:
    from training.layout import form_of

    form = form_of(read_recipe("conversations", ('system = "You are {name} {sic}."',)), "Sam")
    assert build_prompt(form, (), ())[0].content == "You are Sam {sic}."
    head = build_prompt(form_of(read_recipe("contact-chunks"), "Sam"), (), ("Mia",))[0].content
    assert head.endswith("[INST]Write a chat between Sam and Mia[/INST]\n\n")
    assert form_of(replace_name("Samuel"), "Sam").name == "Samuel"


def replace_name(name: str) -> Recipe:
    return read_recipe("turns", (f'name = "{name}"',))


def test_a_tokenizer_that_opens_texts_with_a_mark_is_followed(tiny_base: BaseFolder) -> None:
    from tokenizers.processors import TemplateProcessing

    from training.layout import form_of, layout_of

    recipe = recipe_of("documents")
    tokenizer = tokenizer_of(tiny_base)
    tokenizer.add_special_tokens({"bos_token": "<|pad|>"})
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|pad|> $A", special_tokens=[("<|pad|>", 0)]
    )
    found = layout_of(recipe, tokenizer, form_of(recipe, "Sam"))
    row = rows_of(recipe)[0]
    assert found.tokens(row, Loss.OWN).ids[0] == 0
    assert found.render(CHAT).startswith("<|pad|>")
    assert all(case.prompt.startswith("<|pad|>") for case in found.cases(rows_of(recipe)))


SENTENCEPIECE: dict[str, dict[str, Any]] = {
    "first": {"spaces": "first"},
    "first, by words": {"spaces": "first", "template": LIKE_TINY_LLAMA, "opens": False},
    "always": {"spaces": "always", "kind": "mistral"},
    "never": {"spaces": "never"},
    "prepended": {"spaces": "prepend", "template": LIKE_TINY_LLAMA},
}


@pytest.mark.parametrize("kind", SENTENCEPIECE)
async def test_llama_cpp_is_given_the_tokens_that_were_trained(kind: str, tmp_path: Path) -> None:
    from training.gguf import write_base
    from training.gguf_tokenizer import plain_template
    from training.layout import form_of, layout_of

    options = SENTENCEPIECE[kind]
    base = make_sentencepiece_base(tmp_path / "base", **options)
    tokenizer = tokenizer_of(base)
    found = {name: layout_of(recipe_of(name), tokenizer, form_of(recipe_of(name), "Sam")) for name in RECIPES}
    chats = found["turns"]
    write_base(base, tmp_path / "base.gguf", template=chats.template)
    model = LlamaModel("sam", tmp_path / "base.gguf", None, plain_template(chats.template))
    async with (
        LlamaCpp(model, tmp_path / "llama.log", LlamaSettings(slots=1, threads=1)) as engine,
        httpx.AsyncClient(trust_env=False) as http,
    ):

        async def ask(path: str, **body: object) -> Any:  # noqa: ANN401 - any JSON
            url, headers = engine.endpoint.url(path), engine.endpoint.headers
            return (await http.post(url, json=body, headers=headers)).raise_for_status().json()

        async def cut(text: str) -> list[int]:
            """As it cuts a prompt, with all that it adds of its own."""
            return list(
                (await ask("/tokenize", content=text, add_special=True, parse_special=True))["tokens"]
            )

        for name, laid in found.items():
            recipe = recipe_of(name)
            shown = [(case, laid.tokens(case.row, Loss.OWN).ids) for case in laid.cases(rows_of(recipe))]
            for case, trained in [pair for pair in shown if not pair[0].silence][:4]:
                served = await cut(case.prompt)
                assert tuple(served) == trained[: len(served)], name
                assert served.count(tokenizer.bos_token_id) == (case.prompt.startswith("<s>")), name
                answer = await ask("/v1/completions", prompt=case.prompt, max_tokens=1)
                assert answer["usage"]["prompt_tokens"] == len(served)
        # What has no token is bytes, and text again where a model writes it.
        written = await ask("/detokenize", tokens=await cut("<s>日本\n1"))
        assert written["content"].endswith("日本\n1")
        messages = [asdict(message) for message in CHAT]
        answer = await ask("/v1/chat/completions", messages=messages, max_tokens=1)
        text = chats.render(CHAT)
        expected = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert answer["usage"]["prompt_tokens"] == len(expected)
        assert await cut((await ask("/apply-template", messages=messages))["prompt"]) == expected
        assert expected.count(tokenizer.bos_token_id) == ("template" not in options)
