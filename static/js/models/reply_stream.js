import { ApiError, NetworkError } from "../helpers/api_errors.js"
import { concatBytes, sha256Hex } from "../helpers/bytes.js"
import { EventStreamParser, readCursor } from "../helpers/event_stream.js"
import { isFinal, judge } from "../helpers/judgement.js"
import { withResolver } from "../helpers/promises.js"

const ENDS = new Set(["done", "error"])
const LONG_ENOUGH_MS = 5_000  // for a connection without news to have been a good one

// One reply, read to its end whatever the line does: its words and its thoughts, as events. The bytes of both are counted;
// every end of a body is checked against the server's own account of the reply, and what is missing is fetched from where
// we are.
// `sink` hears append(text), think({text, t}), restart({hurried}), reset() and arrived() (bytes came in, be it a sign of life).
export class ReplyStream {
  #api
  #recovery
  #sink
  #digest
  #parts = []
  #bytes = 0
  #traceBytes = 0
  #told = null
  #lived = false
  #now
  #encoder = new TextEncoder()
  #reading = null
  #detached = false
  #pause = null

  constructor({ api, replyId, recovery, sink, digest = sha256Hex, now = Date.now }) {
    this.#now = now
    this.#api = api
    this.#recovery = recovery
    this.#sink = sink
    this.#digest = digest
    this.replyId = replyId
  }

  get bytes() {
    return this.#bytes
  }

  get traceBytes() {
    return this.#traceBytes
  }

  // Begins behind text and thoughts that are on the page already. False when the page's text is not those bytes
  // (HTML turns CRLF into LF): then reading begins at the reply's first byte.
  startAfter(text, bytes, traceBytes = 0) {
    const encoded = this.#encoder.encode(text)
    if (encoded.length !== bytes) return false
    this.#parts = [encoded]
    this.#bytes = bytes
    this.#traceBytes = traceBytes
    return true
  }

  // Resolves to the reply's final status object, or to null when detached. `response` is a body already open, if there is one.
  async follow(response = null) {
    let fruitless = 0
    while (!this.#detached) {
      await this.#pause?.promise
      if (this.#detached) break
      const before = this.#place
      const failure = await this.#read(response)
      response = null
      if (this.#pause) continue
      const server = this.#told ?? await this.#account()
      if (!server) break
      const verdict = await this.#judge(server)
      if (verdict === "whole" || (verdict === "torn" && before === "0.0" && this.#bytes === server.bytes)) return server
      if (verdict === "torn") this.#restart()
      fruitless = this.#place !== before || this.#lived ? 0 : fruitless + 1
      const hasMore = server.bytes > this.#bytes || traceOf(server) > this.#traceBytes
      if (fruitless > (hasMore ? 1 : 0)) await this.#recover(failure ?? new NetworkError("The reply's stream ended early"))
    }
    return null
  }

  // Drops a connection that has gone quiet; follow() opens another from the same place.
  reattach() {
    this.#reading?.abort(new NetworkError("Connecting again"))
  }

  // A tab that nobody sees gives its connection back: browsers have only six for a server. The reply goes on without it.
  pause() {
    if (this.#pause) return
    this.#pause = withResolver()
    this.reattach()
  }

  resume() {
    this.#pause?.resolve()
    this.#pause = null
  }

  detach() {
    this.#detached = true
    this.resume()
    this.#reading?.abort(new NetworkError("The reply is not watched any more"))
    this.#recovery.retryNow()
  }

  get #place() {
    return `${this.#bytes}.${this.#traceBytes}`
  }

  async #read(response) {
    this.#reading = new AbortController()
    this.#told = null
    this.#lived = false
    const began = this.#now()
    const { signal } = this.#reading
    try {
      response ??= await this.#api.followReply(this.replyId, { cursor: this.#place, signal })
      await this.#drain(response.body.getReader(), signal, began)
      return null
    } catch (error) {
      if (error.status === 416) this.#restart()
      return error instanceof ApiError ? error : new NetworkError(error.message, { cause: error })
    }
  }

  async #drain(reader, signal, began) {
    const parser = new EventStreamParser()
    const cancel = () => reader.cancel(signal.reason).catch(() => {})
    signal.addEventListener("abort", cancel, { once: true })
    for (;;) {
      const { done, value } = await reader.read()
      if (signal.aborted) throw signal.reason
      if (done) return
      if (value.length === 0) continue
      this.#lived = this.#now() - began > LONG_ENOUGH_MS  // a model may be silent for longer than a router is patient
      this.#sink.arrived()
      for (const event of parser.feed(value)) this.#take(event)
    }
  }

  #take({ name, id, data }) {
    if (ENDS.has(name)) {
      this.#traceBytes = readCursor(id).trace
      if (isFinal(data.status)) this.#told = data
      return
    }
    if (name === "delta") this.#append(data.text)
    else if (name === "reasoning") this.#sink.think(data)
    else if (name === "restart") this.#sink.restart(data)
    this.#traceBytes = readCursor(id).trace
    this.#recovery.resetRetryCount()
  }

  #append(text) {
    const encoded = this.#encoder.encode(text)
    this.#parts.push(encoded)
    this.#bytes += encoded.length
    this.#sink.append(text)
  }

  // The server's account of the reply, asked for until it is given. null: detached, or the reply is not ours to read any more.
  async #account() {
    while (!this.#detached) {
      try {
        return await this.#api.readReply(this.replyId)
      } catch (error) {
        if (error.status === 404) throw error
        await this.#recover(error)
      }
    }
    return null
  }

  async #recover(error) {
    if (await this.#recovery.handleStreamingError(error)) return
    if (!this.#detached) await this.#recovery.rescue()
  }

  #restart() {
    this.#parts = []
    this.#bytes = this.#traceBytes = 0
    this.#sink.reset()
  }

  async #judge(server) {
    const sha256 = isFinal(server.status) ? await this.#digest(concatBytes(this.#parts)) : null
    const trace = { bytes: traceOf(server), status: server.status }
    const verdicts = [judge(server, { bytes: this.#bytes, sha256 }), judge(trace, { bytes: this.#traceBytes, sha256: null })]
    return ["torn", "behind", "running"].find(verdict => verdicts.includes(verdict)) ?? "whole"
  }
}

function traceOf(server) {
  return server.trace?.bytes ?? 0
}
