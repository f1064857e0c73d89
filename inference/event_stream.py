"""Server-sent events, as OpenAI-compatible servers stream them: one `data:` line for each event."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable

from inference.errors import ModelAnswerInvalid

LONGEST_LINE = 1 << 20


async def events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    """Give the data of each event, until the stream ends.

    Raises ModelAnswerInvalid for a line beyond a mebibyte: libraries buffer such a line without end, and
    a server gone mad must not eat the memory of the service.
    """
    pending = b""
    async for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        if max(map(len, (pending, *lines))) > LONGEST_LINE:
            raise ModelAnswerInvalid("the model server sends endless lines: check that it is a model server")
        for line in lines:
            name, colon, value = line.rstrip(b"\r").partition(b":")
            if name == b"data" and colon:
                yield value.strip().decode(errors="replace")
