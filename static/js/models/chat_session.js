import { sentenceFor } from "../helpers/sentences.js"
import { isRunning, pendingReply, statusOf, storedMessage, userMessage } from "../helpers/messages.js"
import { titleFrom } from "../helpers/titles.js"
import { uuid } from "../helpers/uuid.js"
import { ErrorRecovery } from "./error_recovery.js"
import { HealthMonitor } from "./health_monitor.js"
import { ReplyStream } from "./reply_stream.js"

// One chat as the page sees it. It tells what happens by events:
//   messages {}               the list changed           message {message}   one message's facts changed
//   text {message, text}      words came in              reset {message}     its text begins again
//   change {}                 status, isLoading, error   connection {}       retries or health
//   created {chat}            the chat exists now        returned {text}     a refused message comes back
export class ChatSession extends EventTarget {
  #api
  #uuid
  #drafts
  #outbox
  #clock
  #chat
  #messages
  #status = "ready"
  #error = null
  #turn = null
  #stream = null

  constructor({ api, drafts, outbox, clock, random, chat = null, messages = [], model = () => undefined, makeUuid = uuid, log }) {
    super()
    this.#api = api
    this.#drafts = drafts
    this.#outbox = outbox
    this.#clock = clock
    this.#chat = chat
    this.#messages = messages
    this.#uuid = makeUuid
    this.model = model
    const changed = () => this.#tell("connection")
    this.recovery = new ErrorRecovery({ clock, random, changed, log })
    this.health = new HealthMonitor({ clock, changed, inspect: () => this.#inspect(), found: reason => this.#mend(reason) })
  }

  get chat() {
    return this.#chat
  }

  get messages() {
    return this.#messages
  }

  get input() {
    return this.#drafts.read(this.#chat?.id)
  }

  set input(text) {
    this.#drafts.write(this.#chat?.id, text)
  }

  get isLoading() {
    return this.#status === "submitted" || this.#status === "streaming"
  }

  // "ready", "submitted" (sent, no words yet), "streaming" or "error".
  get status() {
    return this.#status
  }

  get error() {
    return this.#error
  }

  // Sent, but no server has acknowledged it.
  get isQueued() {
    return this.#turn?.user?.status === "sending"
  }

  // False when there is nothing to send or a reply is running: the text then stays where it is.
  async send(text = this.input) {
    if (this.isLoading || !text.trim()) return false
    const key = this.#uuid()
    this.#status = "submitted"
    this.input = ""
    this.#outbox.put({ key, chatId: this.#chat?.id, text })
    await this.#post(this.#newTurn(key, text))
    return true
  }

  // Asks for the last reply again: the same attempt if the server never took it, another one otherwise.
  async reload() {
    const reply = this.#messages.at(-1)
    const user = this.#messages.findLast(message => message.role === "user")
    if (this.isLoading || reply?.role !== "assistant" || !user) return
    const key = this.#uuid()
    const open = signal => this.#api.regenerate(this.#chat.id, { key, text: user.content, messageId: reply.id, model: this.model(), signal })
    this.#begin(reply)
    await this.#run({ reply, key, open })
  }

  // Goes on with an incomplete reply, behind what there is of it.
  async continueReply() {
    const reply = this.#messages.at(-1)
    if (this.isLoading || reply?.role !== "assistant") return
    const open = signal => this.#api.continueReply(reply.id, { signal })
    this.#update(reply, { status: "streaming", error: null })
    await this.#run({ reply, open, behind: true })
  }

  async stop() {
    const turn = this.#turn
    if (!turn || turn.stopping) return
    turn.stopping = true
    this.#tell("change")
    if (this.isQueued && (this.recovery.isRecovering || this.recovery.isExhausted)) return this.#recall(turn)
    await this.#askToStop(turn)
  }

  // What the page finds when it opens: a reply that runs, messages that never left.
  async resume() {
    const unsent = this.#outbox.waiting(this.#chat?.id)
    for (const entry of unsent) await this.#resend(entry)
    await this.#attachToRunning()
  }

  // Takes over what another tab or device has done meanwhile.
  async sync() {
    if (this.isLoading || !this.#chat) return
    const chat = await this.#api.readChat(this.#chat.id)
    if (this.isLoading) return
    this.#chat = { ...this.#chat, ...chat, messages: undefined }
    this.#messages = merge(this.#messages, chat.messages.map(storedMessage))
    this.#tell("messages")
    await this.#attachToRunning()
  }

  // The line is back or the tab awake (`polite`), or a person is impatient.
  tryNow({ polite = false } = {}) {
    this.recovery.retryNow({ polite })
    this.health.check()
  }

  detach() {
    this.#stream?.detach()
    this.#turn?.abort.abort(new DOMException("The page is left", "AbortError"))
    this.health.stop()
  }

  async #post(turn) {
    const { key, user } = turn
    const text = user.content
    await this.#run({
      ...turn,
      open: async signal => {
        await this.#ensureChat(text, key)
        return this.#api.sendMessage(this.#chat.id, { key, text, model: undefined, signal })
      },
    })
  }

  #newTurn(key, text) {
    const user = userMessage(key, text)
    const reply = pendingReply(key)
    this.#messages = [...this.#messages, user, reply]
    this.#tell("messages")
    return { key, user, reply }
  }

  async #ensureChat(text, key) {
    if (this.#chat) return
    const model = this.model()
    this.#chat = await this.#api.createChat({ title: titleFrom(text), ...(model ? { model } : {}) })
    this.#outbox.put({ key, chatId: this.#chat.id, text })
    this.#tell("created", { chat: this.#chat })
  }

  // A turn from its request to the reply's last byte.
  async #run(turn) {
    turn.abort = new AbortController()
    this.#turn = turn
    this.#settle("submitted")
    this.health.start()
    try {
      const response = turn.open ? await this.#insist(turn) : null
      if (response) this.#acknowledge(turn, response)
      await this.#follow(turn, response)
      this.#settle(turn.reply.status === "failed" ? "error" : "ready", turn.reply.error)
    } catch (error) {
      await this.#refuse(turn, error)
    } finally {
      if (this.#turn === turn) this.#turn = null
      this.#stream = null
      this.health.stop()
      this.recovery.resetRetryCount()
      this.#tell("change")
      this.#tell("settled", { message: turn.reply })
    }
  }

  // A request whose answer was lost is made again: the key makes it the same request.
  async #insist({ open, abort }) {
    for (;;) {
      try {
        return await open(abort.signal)
      } catch (error) {
        if (abort.signal.aborted) throw abort.signal.reason
        const again = await this.recovery.handleStreamingError(error)
        if (abort.signal.aborted) throw abort.signal.reason
        if (again) continue
        if (error.name !== "NetworkError") throw error
        await this.recovery.rescue()
        if (abort.signal.aborted) throw abort.signal.reason
      }
    }
  }

  #acknowledge(turn, response) {
    this.recovery.resetRetryCount()
    this.#outbox.remove(turn.key)
    this.#adopt(turn, response.headers.get("X-Reply-Id"), response.headers.get("X-User-Message-Id"))
    if (turn.stopping) this.#askToStop(turn)
  }

  #adopt(turn, replyId, userMessageId) {
    if (turn.user) this.#update(turn.user, { id: userMessageId || turn.user.id, status: "complete" })
    if (replyId) this.#update(turn.reply, { id: replyId })
  }

  async #follow(turn, response) {
    const { reply } = turn
    const stream = new ReplyStream({ api: this.#api, replyId: reply.id, recovery: this.recovery, sink: this.#sinkFor(reply) })
    this.#stream = stream
    if (turn.behind && !stream.startAfter(reply.content, reply.bytes)) {
      response?.body?.cancel()
      response = null
      this.#restart(reply)
    }
    const server = await stream.follow(response)
    if (server) this.#update(reply, { status: server.status, error: server.error, bytes: server.bytes, finishReason: server.finishReason, model: server.model })
  }

  #sinkFor(reply) {
    return {
      arrived: () => this.health.updateLastChunkTime(),
      reset: () => this.#restart(reply),
      append: text => {
        reply.content += text
        if (reply.status !== "streaming") this.#update(reply, { status: "streaming" })
        if (this.#status !== "streaming") this.#settle("streaming")
        this.#tell("text", { message: reply, text })
      },
    }
  }

  // The server refused. If it had stored the message, the reply is a failed one; if not, the text comes back.
  async #refuse(turn, error) {
    if (error.name === "AbortError") return this.#settle("ready")
    const stored = error.replyId || error.code?.startsWith("UPSTREAM_") || error.code === "CONTEXT_TOO_LONG" || !turn.user
    if (stored) {
      this.#outbox.remove(turn.key)
      this.#adopt(turn, error.replyId, error.userMessageId)
      this.#update(turn.reply, { status: "failed", error: { code: error.code, message: sentenceFor(error) } })
      return this.#settle("error", error)
    }
    this.#giveBack(turn)
    this.#settle("error", error)
    if (error.code === "CHAT_BUSY") queueMicrotask(() => this.sync().catch(() => {}))
  }

  #giveBack(turn) {
    this.#outbox.remove(turn.key)
    this.#messages = this.#messages.filter(message => message !== turn.user && message !== turn.reply)
    this.#tell("messages")
    this.input = [turn.user.content, this.input].filter(Boolean).join("\n\n")
    this.#tell("returned", { text: this.input })
  }

  #recall(turn) {
    this.#giveBack(turn)
    turn.abort.abort(new DOMException("Taken back", "AbortError"))
    this.recovery.retryNow()
  }

  async #askToStop(turn) {
    if (!this.#chat) return
    const ask = () => turn.reply.id.startsWith("reply-") ? this.#api.stopChat(this.#chat.id) : this.#api.stopReply(turn.reply.id)
    try {
      await ask()
    } catch (error) {
      turn.stopping = false
      this.#tell("change")
      this.#tell("trouble", { sentence: `The reply could not be stopped. ${sentenceFor(error)}` })
    }
  }

  async #resend({ key, text, stale }) {
    if (stale || !this.#chat) {
      this.#outbox.remove(key)
      this.input = [this.input, text].filter(Boolean).join("\n\n")
      return this.#tell("returned", { text: this.input })
    }
    const shown = this.#messages.some(message => message.role === "user" && message.content === text)
    if (!shown) return this.#post(this.#newTurn(key, text))
    await this.#resendQuietly({ key, text })
  }

  // The page shows this text already, so the server most likely has it: the key asks which message it became.
  async #resendQuietly({ key, text }) {
    const abort = new AbortController()
    try {
      const response = await this.#insist({ abort, open: signal => this.#api.sendMessage(this.#chat.id, { key, text, signal }) })
      response.body?.cancel()
      this.#outbox.remove(key)
      await this.sync()
    } catch (error) {
      this.#outbox.remove(key)
      if (!error.code?.startsWith("UPSTREAM_")) this.input = [this.input, text].filter(Boolean).join("\n\n")
      this.#tell("returned", { text: this.input })
    }
  }

  async #attachToRunning() {
    const reply = this.#messages.at(-1)
    if (this.isLoading || !reply || !isRunning(reply)) return
    await this.#run({ reply, behind: true })
  }

  async #inspect() {
    if (!this.#stream) return "thinking"
    const server = await this.#api.readReply(this.#stream.replyId)
    return server.bytes > this.#stream.bytes ? "stuck" : "thinking"
  }

  #mend(reason) {
    if (reason === "stuck" || reason === "away") this.#stream?.reattach()
  }

  #begin(reply) {
    this.#restart(reply)
    this.#update(reply, { status: "thinking", error: null })
  }

  #restart(reply) {
    this.#update(reply, { content: "", bytes: 0, status: statusOf("streaming", "") })
    this.#tell("reset", { message: reply })
  }

  #update(message, facts) {
    Object.assign(message, facts)
    this.#tell("message", { message })
  }

  #settle(status, error = null) {
    this.#status = status
    this.#error = error
    this.#tell("change")
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

// Messages that are known keep their place on the page.
function merge(known, stored) {
  const byId = new Map(known.map(message => [message.id, message]))
  return stored.map(message => {
    const own = byId.get(message.id)
    return own ? Object.assign(own, message, { key: own.key }) : message
  })
}
