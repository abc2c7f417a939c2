"""The relay that a Flask tutorial shows, with nothing left out and nothing added."""

from collections.abc import Iterator

import openai
from flask import Flask, Response, request

app = Flask(__name__)
client = openai.OpenAI(max_retries=0)


@app.post("/v1/chat/completions")
def chat() -> Response:
    asked = request.get_json()
    stream = client.chat.completions.create(model=asked["model"], messages=asked["messages"], stream=True)

    def text() -> Iterator[str]:
        for event in stream:
            if event.choices and event.choices[0].delta.content:
                yield event.choices[0].delta.content

    return Response(text(), content_type="text/plain; charset=utf-8")
