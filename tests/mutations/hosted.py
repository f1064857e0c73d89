"""What guards chats before a host, and a host's word for who it is."""

from __future__ import annotations

from typing import Final

from tests.mutations.mutation import Mutation

SPEAKING: Final = "tests/bot/test_hosted_speaking.py"
HOSTED_ENGINE: Final = "tests/inference/test_hosted_engine.py"

MUTATIONS: Final = (
    Mutation(
        "a-host-needs-no-yes-to-begin",
        "bot/app.py",
        "    if hosted is not None:\n        await",
        "    if False:\n        await",
        (f"{SPEAKING}::test_without_the_owners_yes_nothing_is_opened_and_nobody_speaks",),
    ),
    Mutation(
        "a-host-needs-no-yes-to-go-on",
        "inference/client.py",
        "            await self._permit()\n",
        "            pass\n",
        (f"{SPEAKING}::test_a_yes_that_is_taken_back_while_it_runs_ends_it", HOSTED_ENGINE),
    ),
    Mutation(
        "a-host-is-shown-everybody",
        "bot/answer.py",
        "one.own or consent.may_host(one.author.id)",
        "True",
        (f"{SPEAKING}::test_a_host_is_shown_what_those_wrote_who_agreed_and_nobody_else",),
    ),
    Mutation(
        "a-host-writes-on-with-words-that-were-taken-back",
        "bot/store/scripts/consent.lua",
        "if purpose == 'hosted' and not agreed then",
        "if false then",
        (f"{SPEAKING}::test_a_yes_that_somebody_takes_back_closes_the_request_in_which_their_words_went",),
    ),
    Mutation(
        "silence-is-a-yes-to-a-host",
        "safety/rules/consent.py",
        "if subject.host and not _may_be_sent(subject):",
        "if False and not _may_be_sent(subject):",
        ("tests/safety/rules/test_consent.py",),
    ),
    Mutation(
        "a-host-answers-under-any-name",
        "inference/client.py",
        "if model != endpoint.model:",
        "if False:",
        (HOSTED_ENGINE,),
    ),
    Mutation(
        "a-host-is-not-asked-the-canary",
        "inference/engines/hosted.py",
        "await check_canary(self._client, persona.canary, HOSTED)",
        "pass",
        (HOSTED_ENGINE,),
    ),
    Mutation(
        "a-host-is-not-left-alone",
        "inference/engines/hosted.py",
        "self._not_before = max(self._not_before, _now() + error.retry_after_seconds)",
        "self._not_before = 0.0",
        (f"{HOSTED_ENGINE}::test_a_host_that_asks_to_be_left_alone_is",),
    ),
    Mutation(
        "the-key-goes-to-any-host",
        "bot/app.py",
        'if settings.base_url and settings.base_url != hosted.base_url.rstrip("/"):',
        "if False:",
        (f"{SPEAKING}::test_the_key_of_one_host_is_not_sent_to_another",),
    ),
    Mutation(
        "a-host-that-contradicts-itself-gets-a-persona",
        "training/hosted/persona.py",
        "if wander > canary.tolerance / 2:",
        "if False:",
        ("tests/training/hosted/test_persona.py",),
    ),
)
