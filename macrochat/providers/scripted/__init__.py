"""An OpenAI-compatible HTTP server for tests, whose behaviour is chosen by the model's name.

    python -m macrochat.providers.scripted --port 9100        (0 takes a free port; it is printed when ready)

Parts in [brackets] may be left out. `n` counts words or bytes, `ms` are milliseconds. The text of every model is
deterministic: `expected_text(model, messages)` gives it whole.

Words      scripted-echo[:ms]               repeats the last user message word by word
           scripted-words:n[:ms]            "w0 w1 w2 …", one every ms (the first at once)
           scripted-bytes:n                 n bytes in chunks of 1000, as fast as they go
           scripted-unicode                 emoji, combining marks and CJK, cut inside surrogate pairs and clusters
           scripted-markdown                headings, lists, tables, code fences, and HTML that must stay inert
           scripted-endless:ms              words for ever, one every ms
Slow       scripted-slow-headers:ms         nothing at all for ms, then 10 words
           scripted-slow-first:ms           headers at once, then nothing for ms, then 10 words
           scripted-comments:n:ms           n comment lines every ms before the first event, then 10 words
           scripted-silent                  takes the request and never answers
           scripted-stall:n                 n words, then silence
           scripted-hold[:n[:total]]        n words (0: not even headers), then waits for POST /control/release
           scripted-length:n[:total]        n words, then a limit on tokens; asked to go on, the rest
Thinking   scripted-thinks:n[:ms[:w[:ms]]]  n thoughts, one every ms, then w words, one every ms
           scripted-echo-thinks:ms:n        n thoughts, then repeats the last user message, all of it one every ms
           scripted-thinks-hold:n[:w]       n thoughts, then waits for POST /control/release, then w words
           scripted-thinks-cut:n            n thoughts, then the connection ends without the last HTTP chunk
           and one for each way in which servers say it (thinking.py has their names). Asked for no effort, or to go
           on with an answer, the first four do not think.
Broken     scripted-cut:n[:total]           n words, then the connection ends without the last HTTP chunk
           scripted-reset:n[:total]         n words, then a TCP reset
           scripted-error-event:n[:code]    n words, then an error event; code is an HTTP status or a word (500)
           scripted-garbage                 3 words, then `data: {oops`
           scripted-bad-utf8                3 words, then an event that is not UTF-8
           scripted-huge-line:n             3 words, then a line of n bytes
           scripted-no-finish               3 words and [DONE], but no finish_reason
           scripted-fail-then-ok:n          the first n requests get a 500, then as scripted-echo
Ends       scripted-no-done                 a finish_reason, but no [DONE]
           scripted-linger                  a finish_reason and the usage, then silence on an open connection
           scripted-cut-after-finish        a finish_reason, then the connection ends without the last HTTP chunk
           scripted-finish:reason           ends with that finish_reason (length, content_filter …)
           scripted-close-delimited         no chunked coding and no length: the body ends with the connection
No stream  scripted-status:code[:retry-after]   an HTTP error; retry-after as given in the header
           scripted-context:n               the same for more than n messages, else as scripted-echo
           scripted-context-too-long        400 in the words of OpenAI; with `:llama` in those of llama.cpp
           scripted-no-quota                429 insufficient_quota
           scripted-redirect                302 to itself
           scripted-html, -json, -empty     200 that is a page, a JSON document, an empty event stream
           scripted-no-stream-options       400 naming stream_options if the request has them, else 10 words
           scripted-no-system, -no-prefill  400 for a system role, for a last message of the assistant's; else 10 words
Odd        scripted-null-content, -list-content, -nul, -lone-surrogate, -two-choices, -refusal, -reasoning, -crlf
Anything   scripted-play                    what the last user message says, in JSON (play.py)

Going on: if the last message is from the assistant, the answer is the rest of the model's text after it, so that a
takeover can be compared byte for byte; a prefix that the text does not begin with gets a 400 `prefix_mismatch`. If the
request asks to go on in words (continuation.CONTINUE_INSTRUCTION), the answer first repeats the last 20 characters, as
models do. The models that break after n words do so only if the prefix holds fewer; after it they go on to `total`
words (2 n) and finish, as a model does when its trouble is over.

Control    GET  /control/requests   {"open_connections": …, "requests": [{model, messages, body, connection,
                                    address, started, ended, how, bytes_sent}]}; `how` is null while it runs, then
                                    "finished", "client_closed" or "broken" (by the script); times are Unix
                                    seconds; `connection` numbers the connections (/control/state is the same)
           POST /control/reset      forgets the requests and counters, releases what is held
           POST /control/release    lets every held answer go on, and those to come until the next reset
           GET  /v1/models, /health
           GET  /lists/NAME/v1/models   an odd list (lists.py has the names), or the HTTP error that NAME is
"""

from macrochat.providers.scripted.texts import expected_text, expected_thought

__all__ = ["expected_text", "expected_thought"]
