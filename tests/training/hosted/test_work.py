"""A job from consent to a model, at a host that keeps the documented rules and at one that fails."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from safety.moderation.settings import Thresholds
from tests.fakes.hosted.rules import Fault
from tests.fakes.hosted.server import BASES, KEY, FakeHost, Play
from tests.training.hosted.desk import SECRET, Desk, build_dataset
from training.hosted.errors import (
    Flagged,
    HostAway,
    HostedError,
    HostRefused,
    JobFailed,
    NoConsent,
    ShipmentUnfit,
)
from training.hosted.record import Record
from training.hosted.screening import OnFlagged, Screen
from training.hosted.work import cancel

FILES = "/v1/files"
JOBS = "/v1/fine_tuning/jobs"


def _rows(fake: FakeHost, side: str) -> list[dict[str, object]]:
    (content,) = [file.content for file in fake.files.values() if file.filename.endswith(f"-{side}.jsonl")]
    return [json.loads(line) for line in content.splitlines()]


async def test_a_dataset_becomes_a_model(desk: Desk) -> None:
    record = await desk.finish(desk.agree(suffix="sam", seed=5, hyperparameters={"n_epochs": 2}))
    (job,) = desk.fake.jobs.values()
    assert record.stage == "succeeded"
    assert record.models == (job.fine_tuned_model, f"{job.fine_tuned_model}:ckpt-step-2")
    assert job.asked["method"] == {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    assert (job.asked["suffix"], job.asked["seed"]) == ("sam", 5)
    assert {file.id for file in desk.fake.files.values()} >= {
        job.asked["training_file"],
        job.asked["validation_file"],
    }
    folder = desk.records.folder(record.id)
    assert (folder / "results.csv").read_text() == "step,train_loss\n1,1.9\n"
    served = json.loads((folder / "hosted.json").read_text())
    assert (served["model"], served["base_url"]) == (job.fine_tuned_model, desk.fake.base_url)


async def test_what_arrives_is_what_was_built(desk: Desk) -> None:
    await desk.finish(desk.agree())
    for side in ("train", "valid"):
        built = (desk.dataset / "openai" / f"{side}.jsonl").read_text().splitlines()
        assert _rows(desk.fake, side) == [json.loads(line) for line in built]


async def test_hosts_that_know_no_weights_and_want_numbers_at_the_top_get_that(desk: Desk) -> None:
    desk.weights, desk.hyperparameters_in = False, "top"
    await desk.finish(desk.agree(hyperparameters={"n_epochs": 1}))
    (job,) = desk.fake.jobs.values()
    assert job.asked["hyperparameters"] == {"n_epochs": 1}
    assert "method" not in job.asked
    assert "weight" not in json.dumps(_rows(desk.fake, "train"))


async def test_each_event_is_told_once_and_in_order_whatever_the_pages(desk: Desk) -> None:
    desk.fake.most = 2
    await desk.finish(desk.agree())
    (job,) = desk.fake.jobs.values()
    assert [event.id for event in desk.events] == [event["id"] for event in job.events]
    assert [event.number("step") for event in desk.events if event.type == "metrics"] == [1, 2, 3]


async def test_neither_names_of_files_nor_the_record_tell_anything_of_the_chats(desk: Desk) -> None:
    record = await desk.finish(desk.agree())
    assert {file.filename for file in desk.fake.files.values() if file.purpose == "fine-tune"} == {
        f"understudy-{record.id}-train.jsonl",
        f"understudy-{record.id}-valid.jsonl",
    }
    kept = b"".join(path.read_bytes() for path in desk.records.folder(record.id).iterdir())
    assert not any(secret.encode() in kept for secret in (SECRET, "Leo", "what is it", KEY))
    assert all(path.stat().st_mode & 0o077 == 0 for path in desk.records.folder(record.id).glob("*.json"))


@pytest.mark.parametrize(
    "play",
    [
        Play("POST", FILES, status=429, headers={"Retry-After": "0.01"}),
        Play("POST", FILES, status=500),
        Play("POST", FILES, status=503, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
        Play("POST", FILES, "drop"),
        Play("POST", FILES, "drop", took=True),
        Play("POST", FILES, took=True, status=502),
        Play("POST", JOBS, status=429),
        Play("POST", JOBS, "drop"),
        Play("POST", JOBS, "drop", took=True),
        Play("POST", JOBS, took=True, status=504),
        Play("GET", f"{JOBS}/[^/]+", "drop"),
        Play("GET", f"{JOBS}/[^/]+/events", status=500),
        Play("GET", FILES + "/[^/]+/content", status=500),
        Play("POST", "/v1/moderations", status=429, headers={"Retry-After": "0.01"}),
    ],
    ids=lambda play: f"{play.method} {play.path} {play.then} {play.status} took={play.took}",
)
async def test_nothing_is_sent_twice_however_the_host_fails(desk: Desk, play: Play) -> None:
    desk.fake.play(replace(play))
    record = await desk.finish(desk.agree())
    assert record.stage == "succeeded"
    assert len(desk.fake.jobs) == 1
    assert sorted(file.purpose for file in desk.fake.files.values()) == [
        "fine-tune",
        "fine-tune",
        "fine-tune-results",
    ]


async def test_a_host_that_stays_away_is_given_up_on_and_the_job_goes_on_later(desk: Desk) -> None:
    for _ in range(10):
        desk.fake.play(Play("POST", FILES, "drop"))
    record = desk.agree()
    with pytest.raises(HostAway):
        await desk.finish(record)
    assert desk.fake.asked("POST", FILES) == 4
    desk.fake.plays.clear()
    assert (await desk.finish(record)).stage == "succeeded"


async def test_a_pause_longer_than_anybody_waits_is_not_waited_for(desk: Desk) -> None:
    desk.fake.play(Play("POST", FILES, status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(HostAway, match="slow down"):
        await desk.finish(desk.agree())
    assert desk.fake.asked("POST", FILES) == 1


async def test_no_quota_is_not_tried_again(desk: Desk) -> None:
    body = {"error": {"code": "insufficient_quota", "message": "no", "type": "insufficient_quota"}}
    desk.fake.play(Play("POST", FILES, status=429, body=body))
    with pytest.raises(HostRefused, match="quota"):
        await desk.finish(desk.agree())
    assert desk.fake.asked("POST", FILES) == 1


async def test_a_file_that_is_still_processed_is_waited_for(desk: Desk) -> None:
    desk.fake.processing = 3
    record = await desk.finish(desk.agree())
    assert record.stage == "succeeded"
    assert any("processing" in line for line in desk.told)


async def test_a_failed_job_is_told_in_one_line_without_a_text_of_the_chats(desk: Desk) -> None:
    desk.fake.fails_with = Fault(
        f'Example 3: "{_secret_answer(desk)}" is not allowed, says {KEY}', code="invalid_training_file"
    )
    record = desk.agree()
    with pytest.raises(JobFailed) as caught:
        await desk.finish(record)
    said = str(caught.value)
    assert said.startswith("the host failed the job: invalid_training_file: Example 3:")
    assert len(said.splitlines()) == 1
    kept = desk.records.read(record.id).model_dump_json()
    assert not any(secret in text for secret in (SECRET, KEY) for text in (said, kept, *desk.told))
    assert desk.records.read(record.id).stage == "failed"


async def test_a_cancelled_job_is_told(desk: Desk) -> None:
    desk.fake.runs_for_ever = True
    record = desk.agree()
    await _until_running(desk, record)
    async with desk.client() as client:
        ended = await cancel(desk.records, desk.records.read(record.id), client)
    assert ended is not None
    assert ended.status == "cancelled"
    with pytest.raises(JobFailed, match="cancelled"):
        await desk.finish(record)


async def test_cancelling_what_has_ended_says_how_it_ended(desk: Desk) -> None:
    record = await desk.finish(desk.agree())
    async with desk.client() as client:
        ended = await cancel(desk.records, record, client)
    assert ended is not None
    assert ended.status == "succeeded"


@pytest.mark.parametrize(("key", "said"), [("sk-wrong", "refuses the API key"), ("", "refuses the API key")])
async def test_a_wrong_key_is_told_without_the_key(desk: Desk, key: str, said: str) -> None:
    desk.screen = Screen.OFF
    desk.key = key
    with pytest.raises(HostRefused, match=said) as caught:
        await desk.finish(desk.agree())
    assert "sk-" not in str(caught.value)
    assert not desk.fake.made


async def test_a_refused_job_says_what_the_host_objects_to(desk: Desk) -> None:
    record = desk.agree()
    record = desk.records.write(record.model_copy(update={"model": "nobody-knows-it"}))
    with pytest.raises(HostRefused, match="model_not_available"):
        await desk.finish(record)
    # It may be corrected and gone on with: nothing is in the way.
    desk.records.write(desk.records.read(record.id).model_copy(update={"model": BASES[0]}))
    assert (await desk.finish(record)).stage == "succeeded"
    assert desk.fake.asked("POST", FILES) == 2


async def test_what_moderation_objects_to_stays_here(desk: Desk) -> None:
    build_dataset(desk.dataset, horrid=7)
    await desk.finish(desk.agree())
    sent = json.dumps(_rows(desk.fake, "train"))
    assert "horrid" not in sent
    assert SECRET in sent
    assert any("horrid" in text for text in desk.fake.judged)


async def test_a_threshold_says_from_which_score_on_a_row_stays_here(desk: Desk) -> None:
    build_dataset(desk.dataset, horrid=7)
    desk.thresholds = Thresholds(hate=0.95)
    await desk.finish(desk.agree())
    assert "horrid" in json.dumps(_rows(desk.fake, "train"))


async def test_each_text_is_judged_and_only_then_uploaded(desk: Desk) -> None:
    await desk.finish(desk.agree())
    rows = [*_rows(desk.fake, "train"), *_rows(desk.fake, "valid")]
    texts = {str(message["content"]) for row in rows for message in row["messages"]}  # type: ignore[attr-defined]
    assert texts <= set(desk.fake.judged)
    kinds = [path for method, path in desk.fake.requests if method == "POST"]
    assert kinds.index(FILES) > max(place for place, path in enumerate(kinds) if "moderations" in path)


async def test_nothing_is_uploaded_where_flagged_rows_refuse_it(desk: Desk) -> None:
    build_dataset(desk.dataset, horrid=7)
    desk.flagged = OnFlagged.REFUSE
    with pytest.raises(Flagged, match="objects to"):
        await desk.finish(desk.agree())
    assert desk.fake.asked("POST", FILES) == 0


async def test_nothing_is_uploaded_where_nobody_could_judge(desk: Desk) -> None:
    desk.fake.unknown_routes = {"/v1/moderations"}
    with pytest.raises(Flagged, match="lexicon"):
        await desk.finish(desk.agree())
    assert desk.fake.asked("POST", FILES) == 0


async def test_the_lexicon_judges_without_the_network(desk: Desk) -> None:
    desk.screen = Screen.LEXICON
    await desk.finish(desk.agree())
    assert desk.fake.judged == []


async def test_too_little_left_after_moderation_is_not_uploaded(desk: Desk) -> None:
    build_dataset(desk.dataset, talks=14, horrid=1)
    record = desk.agree()
    rows = int((desk.dataset / "openai" / "train.jsonl").read_bytes().count(b"\n"))
    left_out = {"train": tuple(range(rows - 9)), "valid": ()}
    desk.records.write(record.model_copy(update={"left_out": left_out}))
    with pytest.raises(ShipmentUnfit, match="9 rows are left"):
        await desk.finish(record)
    assert desk.fake.asked("POST", FILES) == 0


async def test_a_dataset_that_changed_after_consent_does_not_leave(desk: Desk) -> None:
    record = desk.agree()
    build_dataset(desk.dataset, talks=50)
    with pytest.raises(ShipmentUnfit, match="changed since you agreed"):
        await desk.finish(record)
    assert desk.fake.connections == 0


async def test_consent_for_one_host_is_none_for_another(desk: Desk) -> None:
    record = desk.agree()
    other = record.consent.model_copy(update={"hosts": ("elsewhere.example",)})
    desk.records.write(record.model_copy(update={"consent": other}))
    with pytest.raises(NoConsent):
        await desk.finish(record)
    assert desk.fake.connections == 0


async def test_hosts_that_give_neither_events_nor_checkpoints_work_as_well(desk: Desk) -> None:
    desk.fake.unknown_routes = {f"{JOBS}/{{id}}/events", f"{JOBS}/{{id}}/checkpoints"}
    record = await desk.finish(desk.agree())
    assert len(record.models) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": "../../etc", "status": "queued"}', b"\xff"])
async def test_an_answer_that_is_none_is_told(desk: Desk, body: bytes) -> None:
    desk.fake.raw[("POST", JOBS)] = body
    with pytest.raises(HostedError, match="protocol"):
        await desk.finish(desk.agree())


def _secret_answer(desk: Desk) -> str:
    """What the owner said on the day with the secret, as it was sent."""
    rows = map(json.loads, (desk.dataset / "openai" / "train.jsonl").read_text().splitlines())
    return next(str(m["content"]) for row in rows for m in row["messages"] if SECRET in m["content"])


async def _until_running(desk: Desk, record: Record) -> None:
    """Have the job run, and its watcher end as if somebody had killed it."""
    desk.fake.play(Play("GET", f"{JOBS}/[^/]+/events", status=400))
    with pytest.raises(HostRefused):
        await desk.finish(record)
    assert len(desk.fake.jobs) == 1
