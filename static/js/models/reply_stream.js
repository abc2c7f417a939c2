import { ApiError, NetworkError } from "../helpers/api_errors.js"
import { concatBytes, sha256Hex } from "../helpers/bytes.js"
import { isFinal, judge } from "../helpers/judgement.js"
import { withResolver } from "../helpers/promises.js"

// One reply, read to its end whatever the line does. Bytes are counted; every end of a body is checked against the
// server's own account of the reply, and what is missing is fetched from where we are.
// `sink` hears append(text), reset() and arrived() (bytes came in).
export class ReplyStream {
  #api
  #recovery
  #sink
  #digest
  #parts = []
  #bytes = 0
  #decoder = new TextDecoder()
  #reading = null
  #detached = false
  #pause = null

  constructor({ api, replyId, recovery, sink, digest = sha256Hex }) {
    this.#api = api
    this.#recovery = recovery
    this.#sink = sink
    this.#digest = digest
    this.replyId = replyId
  }

  get bytes() {
    return this.#bytes
  }

  // Begins behind text that is on the page already. False when the page's text is not those bytes
  // (HTML turns CRLF into LF): then reading begins at the reply's first byte.
  startAfter(text, bytes) {
    const encoded = new TextEncoder().encode(text)
    if (encoded.length !== bytes) return false
    this.#parts = [encoded]
    this.#bytes = bytes
    return true
  }

  // Resolves to the reply's final status object, or to null when detached. `response` is a body already open, if there is one.
  async follow(response = null) {
    let fruitless = 0
    while (!this.#detached) {
      await this.#pause?.promise
      if (this.#detached) break
      const before = this.#bytes
      const failure = await this.#read(response)
      response = null
      if (this.#pause) continue
      const server = await this.#account()
      if (!server) break
      const verdict = await this.#judge(server)
      if (verdict === "whole" || (verdict === "torn" && before === 0 && this.#bytes === server.bytes)) return this.#finish(server)
      if (verdict === "torn") this.#restart()
      fruitless = this.#bytes > before ? 0 : fruitless + 1
      const hasMore = server.bytes > this.#bytes
      if (fruitless > (hasMore ? 1 : 0)) await this.#recover(failure ?? new NetworkError("The reply's stream ended early"))
    }
    return null
  }

  // Drops a connection that has gone quiet; follow() opens another from the same offset.
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

  async #read(response) {
    this.#reading = new AbortController()
    const { signal } = this.#reading
    try {
      response ??= await this.#api.followReply(this.replyId, { offset: this.#bytes, signal })
      await this.#drain(response.body.getReader(), signal)
      return null
    } catch (error) {
      if (error.status === 416) this.#restart()
      return error instanceof ApiError ? error : new NetworkError(error.message, { cause: error })
    }
  }

  async #drain(reader, signal) {
    const cancel = () => reader.cancel(signal.reason).catch(() => {})
    signal.addEventListener("abort", cancel, { once: true })
    for (;;) {
      const { done, value } = await reader.read()
      if (signal.aborted) throw signal.reason
      if (done) return
      this.#take(value)
    }
  }

  #take(part) {
    if (part.length === 0) return
    this.#parts.push(part)
    this.#bytes += part.length
    this.#recovery.resetRetryCount()
    this.#sink.arrived()
    const text = this.#decoder.decode(part, { stream: true })
    if (text) this.#sink.append(text)
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
    this.#bytes = 0
    this.#decoder = new TextDecoder()
    this.#sink.reset()
  }

  async #judge(server) {
    const sha256 = isFinal(server.status) ? await this.#digest(concatBytes(this.#parts)) : null
    return judge(server, { bytes: this.#bytes, sha256 })
  }

  #finish(server) {
    const rest = this.#decoder.decode()
    if (rest) this.#sink.append(rest)
    return server
  }
}
