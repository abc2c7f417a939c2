"""The relay that FastAPI's and OpenAI's documentation shows together."""

from collections.abc import AsyncIterator

import openai
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

app = FastAPI()
client = openai.AsyncOpenAI(max_retries=0)


@app.post("/v1/chat/completions")
async def chat(request: Request) -> StreamingResponse:
    asked = await request.json()
    stream = await client.chat.completions.create(model=asked["model"], messages=asked["messages"], stream=True)

    async def text() -> AsyncIterator[str]:
        async for event in stream:
            if event.choices and event.choices[0].delta.content:
                yield event.choices[0].delta.content

    return StreamingResponse(text(), media_type="text/plain; charset=utf-8")
