"""Taking everything back: afterwards nothing is there, and what is there is told."""

from __future__ import annotations

import pytest

from tests.fakes.hosted.server import KEY, FakeHost, Play, StoredFile
from tests.training.hosted.desk import PACE, Desk
from training.hosted.errors import HostAway, HostedError
from training.hosted.forgetting import Leftover, forget, holdings
from training.hosted.record import Record

FILES = "/v1/files"
JOBS = "/v1/fine_tuning/jobs"


async def _forget(desk: Desk, *records: Record, unrecorded: bool = False) -> tuple[Leftover, ...]:
    async with desk.client() as client:
        return await forget(client, desk.records, records, unrecorded=unrecorded, pace=PACE)


async def test_nothing_is_left_of_a_job(desk: Desk) -> None:
    desk.fake.most = 1
    record = await desk.finish(desk.agree())
    assert len(desk.fake.made) == 5  # two files, the results, the model and a checkpoint
    assert await _forget(desk, record) == ()
    assert desk.fake.made == []
    assert desk.records.read(record.id).stage == "forgotten"


async def test_what_others_made_there_stays(desk: Desk) -> None:
    record = await desk.finish(desk.agree())
    desk.fake.files["file-mine"] = StoredFile("file-mine", "train.jsonl", "fine-tune", b"{}")
    desk.fake.models.append("ft:mine")
    assert await _forget(desk, record) == ()
    assert desk.fake.made == ["file-mine", "ft:mine"]


@pytest.mark.parametrize("path", [FILES, JOBS])
async def test_what_was_taken_although_nobody_heard_of_it_is_found(desk: Desk, path: str) -> None:
    """The upload, or the job, happened; and whoever had it done never learned that."""
    desk.fake.runs_for_ever = True
    desk.fake.play(Play("POST", path, "drop", took=True))
    for _ in range(4):
        desk.fake.play(Play("GET", path, "drop"))
    record = desk.agree()
    with pytest.raises(HostAway):
        await desk.finish(record)
    desk.fake.plays.clear()
    record = desk.records.read(record.id)
    assert desk.fake.files
    assert not record.sent["train"].ids if path == FILES else record.job is None
    assert await _forget(desk, record) == ()
    assert desk.fake.made == []
    assert all(job.status == "cancelled" for job in desk.fake.jobs.values())


async def test_a_job_that_goes_on_is_cancelled_first(desk: Desk) -> None:
    desk.fake.runs_for_ever = True
    desk.fake.play(Play("GET", f"{JOBS}/[^/]+/events", status=400))
    record = desk.agree()
    with pytest.raises(HostedError):
        await desk.finish(record)
    assert await _forget(desk, desk.records.read(record.id)) == ()
    (job,) = desk.fake.jobs.values()
    assert job.status == "cancelled"
    assert desk.fake.made == []


async def test_what_cannot_be_deleted_is_told_and_not_forgotten(desk: Desk) -> None:
    record = await desk.finish(desk.agree())
    model, file = record.models[0], record.sent["valid"].ids[0]
    desk.fake.undeletable = {model, file}
    left = await _forget(desk, record)
    assert {one.what for one in left} == {f"model {model}", f"file {file}"}
    assert all("does not allow this" in one.why for one in left)
    assert desk.fake.made == [file, model]
    assert desk.records.read(record.id).forgotten is None
    desk.fake.undeletable = set()
    assert await _forget(desk, record) == ()


async def test_a_host_that_only_says_that_it_deleted_is_found_out(desk: Desk) -> None:
    record = await desk.finish(desk.agree())
    file = record.sent["train"].ids[0]
    desk.fake.raw[("DELETE", f"{FILES}/{file}")] = b'{"id": "%s", "deleted": true}' % file.encode()
    (left,) = await _forget(desk, record)
    assert left == Leftover(f"file {file}", "the host said that it was deleted")


async def test_a_deletion_whose_answer_got_lost_is_one(desk: Desk) -> None:
    record = await desk.finish(desk.agree())
    desk.fake.play(Play("DELETE", f"{FILES}/.*", "drop", took=True))
    desk.fake.play(Play("DELETE", "/v1/models/.*", took=True, status=500))
    assert await _forget(desk, record) == ()
    assert desk.fake.made == []


async def test_what_is_on_no_record_is_taken_back_on_demand(desk: Desk, fake: FakeHost) -> None:
    await desk.finish(desk.agree())
    async with desk.client() as client:
        assert not await holdings(client, ())
        found = await holdings(client, (), unrecorded=True)
    assert len(found.files) == 3
    assert len(found.models) == 2
    assert await _forget(desk, unrecorded=True) == ()
    assert fake.made == []


async def test_a_second_time_there_is_nothing_to_do(desk: Desk) -> None:
    record = await desk.finish(desk.agree())
    await _forget(desk, record)
    assert await _forget(desk, desk.records.read(record.id)) == ()


async def test_the_key_is_sent_to_nobody_else_and_stands_nowhere(desk: Desk) -> None:
    record = await desk.finish(desk.agree())
    await _forget(desk, record)
    assert desk.fake.keys == {f"Bearer {KEY}"}
    assert not any(KEY.encode() in path.read_bytes() for path in desk.state.rglob("*") if path.is_file())
