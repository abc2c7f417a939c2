import { ReplyStream } from "./reply_stream.js"

export class Recalled extends Error {}
export class Left extends Error {}

// One reply on its way, from the request that asks for it to its last byte.
// `open(signal)` makes the request (none: the reply runs already); `reply` is the message it fills, `user` the one it answers.
// `behind`: what comes goes behind the reply's text. `before` holds the facts of an answer that is to be replaced or
// continued, for as long as nothing has come; it is what is shown again if nothing does.
// `listener` hears stored(turn, ids), acknowledged(turn) and, by sinkOf(turn), what a ReplyStream tells its sink.
export class Turn {
  #api
  #recovery
  #listener
  #open
  #abort = new AbortController()
  #stream = null
  #isStopping = false
  #isAcknowledged

  constructor({ api, recovery, listener, reply, user = null, key = null, open = null, behind = false, before = null }) {
    this.#api = api
    this.#recovery = recovery
    this.#listener = listener
    this.#open = open
    this.#isAcknowledged = !open
    this.behind = behind
    this.before = before
    this.reply = reply
    this.user = user
    this.key = key
  }

  get isQueued() {
    return this.user?.status === "sending"
  }

  // The server has said which reply it is.
  get isAcknowledged() {
    return this.#isAcknowledged
  }

  get isStopping() {
    return this.#isStopping
  }

  // Resolves to the reply's final status object, or to null if nobody watches any more.
  // Throws ApiError when the server refuses.
  async run() {
    const response = this.#open ? await this.#insist() : null
    if (response) this.#acknowledge(response)
    this.#stream = new ReplyStream({ api: this.#api, replyId: this.reply.id, recovery: this.#recovery, sink: this.#listener.sinkOf(this) })
    return this.#stream.follow(this.#fits() ? response : this.#fromTheStart(response))
  }

  // Marks the wish; who has the chat's id asks the server.
  wantStop(wanted = true) {
    this.#isStopping = wanted
  }

  // Between two tries the person takes the request back. run() throws Recalled.
  recall() {
    this.#abort.abort(new Recalled())
    this.#recovery.retryNow()
  }

  // The page goes; what it has sent goes on. run() throws Left, or resolves to null.
  leave() {
    this.#abort.abort(new Left())
    this.#stream?.detach()
    this.#recovery.retryNow()
  }

  reattach() {
    this.#stream?.reattach()
  }

  pause() {
    this.#stream?.pause()
  }

  resume() {
    this.#stream?.resume()
  }

  // "stuck" when the server has more than came here, "thinking" when it has not. Throws when it does not answer.
  async inspect() {
    if (!this.#stream) {
      await this.#api.listChats({ limit: 1 })
      return "thinking"
    }
    const server = await this.#api.readReply(this.#stream.replyId)
    const hasMore = server.bytes > this.#stream.bytes || (server.trace?.bytes ?? 0) > this.#stream.traceBytes
    return hasMore ? "stuck" : "thinking"
  }

  #acknowledge({ headers }) {
    this.#isAcknowledged = true
    this.#listener.stored(this, { replyId: headers.get("X-Reply-Id"), userMessageId: headers.get("X-User-Message-Id") })
    this.#listener.acknowledged(this)
  }

  // A request whose answer was lost is made again: its key makes it the same request. A refusal may say that the message
  // is stored nevertheless.
  async #insist() {
    const { signal } = this.#abort
    for (;;) {
      try {
        return await this.#open(signal)
      } catch (error) {
        signal.throwIfAborted()
        if (error.userMessageId) this.#listener.stored(this, error)
        const again = await this.#recovery.handleStreamingError(error)
        signal.throwIfAborted()
        if (again) continue
        if (error.name !== "NetworkError") throw error
        await this.#recovery.rescue()
        signal.throwIfAborted()
      }
    }
  }

  #fits() {
    return !this.behind || this.#stream.startAfter(this.reply.content, this.reply.bytes, this.reply.traceBytes)
  }

  // The text on the page is not the server's byte for byte: read all of it again.
  #fromTheStart(response) {
    response?.body?.cancel()
    this.#listener.sinkOf(this).reset()
    return null
  }
}
