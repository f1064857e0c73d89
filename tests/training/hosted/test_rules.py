"""The fake keeps the documented rules: what breaks one gets the documented error object, and nothing happens."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.fakes.hosted.server import BASES, KEY, FakeHost

ROW = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
AUTH = {"Authorization": f"Bearer {KEY}"}


async def _ask(fake: FakeHost, method: str, path: str, **said: Any) -> httpx.Response:  # noqa: ANN401
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        return await client.request(method, fake.base_url + path, **{"headers": AUTH, **said})


def _error(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return dict(error)


async def _uploaded(fake: FakeHost, content: bytes = ROW * 10) -> str:
    files = {"file": ("a.jsonl", content)}
    answer = await _ask(fake, "POST", "/files", data={"purpose": "fine-tune"}, files=files)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def test_without_a_key_nothing_is_done(fake: FakeHost) -> None:
    assert "didn't provide" in _error(await _ask(fake, "GET", "/models", headers={}), 401)["message"]
    wrong = await _ask(fake, "GET", "/models", headers={"Authorization": "Bearer sk-no"})
    assert _error(wrong, 401)["code"] == "invalid_api_key"


async def test_an_unknown_route_is_told(fake: FakeHost) -> None:
    assert "Invalid URL" in _error(await _ask(fake, "GET", "/fine-tunes"), 404)["message"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"content": b"x", "headers": {**AUTH, "Content-Type": "text/plain"}}, "multipart"),
        (
            {"content": b"--no\r\nbroken", "headers": {**AUTH, "Content-Type": "multipart/form-data"}},
            "multipart",
        ),
        ({"data": {"purpose": "fine-tune"}, "files": {"other": ("a.jsonl", ROW)}}, "Unrecognized"),
        ({"files": {"file": ("a.jsonl", ROW)}}, "'purpose' is a required"),
        ({"data": {"purpose": "finetune"}, "files": {"file": ("a.jsonl", ROW)}}, "is not one of"),
        ({"data": {"purpose": "fine-tune"}, "files": {"file": ("a.csv", ROW)}}, "Invalid extension"),
        ({"data": {"purpose": "fine-tune"}, "files": {"file": ("a.jsonl", b"")}}, "empty"),
        ({"data": {"purpose": "fine-tune"}, "files": {"file": ("a.jsonl", ROW + b"[]\n")}}, "Line 2"),
    ],
)
async def test_an_upload_that_breaks_a_rule_is_refused(
    fake: FakeHost, said: dict[str, Any], problem: str
) -> None:
    response = await _ask(fake, "POST", "/files", **said)
    assert problem in _error(response, response.status_code)["message"]
    assert response.status_code in {400, 415}
    assert not fake.files


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"training_file": None}, "training_file"),
        ({"training_file": "file-none"}, "training_file"),
        ({"model": None}, "model"),
        ({"model": "gpt-none"}, "model"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"method": {"type": "magic"}}, "method"),
        ({"method": {"type": "supervised"}, "hyperparameters": {"n_epochs": 1}}, "hyperparameters"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs"),
        ({"epochs": 3}, None),
    ],
)
async def test_a_job_that_breaks_a_rule_is_refused(
    fake: FakeHost, asked: dict[str, Any], param: str | None
) -> None:
    wanted = {"model": BASES[0], "training_file": await _uploaded(fake), **asked}
    response = await _ask(fake, "POST", "/fine_tuning/jobs", json=wanted)
    assert _error(response, 400)["param"] == param
    assert not fake.jobs


async def test_a_file_for_another_purpose_trains_nothing(fake: FakeHost) -> None:
    files = {"file": ("a.jsonl", ROW * 10)}
    file = (await _ask(fake, "POST", "/files", data={"purpose": "batch"}, files=files)).json()["id"]
    response = await _ask(fake, "POST", "/fine_tuning/jobs", json={"model": BASES[0], "training_file": file})
    assert "purpose" in _error(response, 400)["message"]


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (ROW * 9, "invalid_n_examples", "has 9 example(s), but must have at least 10"),
        (ROW * 10 + b'{"prompt": "a"}\n', "invalid_training_file", "Example 11"),
        (ROW * 10 + ROW.replace(b"assistant", b"robot"), "invalid_training_file", "not a role"),
        (ROW * 10 + ROW.replace(b"assistant", b"user"), "invalid_training_file", "last message"),
        (ROW * 10 + ROW.replace(b'"b"', b'"b", "weight": 0'), "invalid_training_file", "weight"),
        (ROW * 10 + ROW.replace(b'"b"', b'""'), "invalid_training_file", "content"),
    ],
)
async def test_a_file_that_breaks_a_rule_fails_the_job(
    fake: FakeHost, content: bytes, code: str, said: str
) -> None:
    wanted = {"model": BASES[0], "training_file": await _uploaded(fake, content)}
    job = (await _ask(fake, "POST", "/fine_tuning/jobs", json=wanted)).json()
    assert job["status"] == "validating_files"
    job = (await _ask(fake, "GET", f"/fine_tuning/jobs/{job['id']}")).json()
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    assert said in job["error"]["message"]


async def test_what_was_deleted_is_not_there(fake: FakeHost) -> None:
    file = await _uploaded(fake)
    assert (await _ask(fake, "DELETE", f"/files/{file}")).json() == {
        "id": file,
        "object": "file",
        "deleted": True,
    }
    assert "No such File object" in _error(await _ask(fake, "GET", f"/files/{file}"), 404)["message"]
    assert _error(await _ask(fake, "DELETE", "/models/ft:none"), 404)["code"] == "model_not_found"
    assert (await _ask(fake, "DELETE", f"/models/{BASES[0]}")).status_code == 403
