import { sentenceFor } from "../helpers/sentences.js"
import { isPending, isRunning, merge, pendingReply, storedMessage, userMessage } from "../helpers/messages.js"
import { joinDrafts } from "../helpers/drafts.js"
import { titleFrom } from "../helpers/titles.js"
import { uuid } from "../helpers/uuid.js"
import { ErrorRecovery } from "./error_recovery.js"
import { HealthMonitor } from "./health_monitor.js"
import { Left, Recalled, Turn } from "./turn.js"

// One chat as the page sees it. It tells what happens by events:
//   messages {}               the list changed           message {message}   one message's facts changed
//   text {message, text}      words came in              reset {message}     its text begins again
//   change {}                 status, isLoading, error   connection {}       retries or health
//   created {chat}            the chat exists now        returned {text}     a refused message comes back
//   acknowledged {}           the server has it          settled {message}   a reply has come to rest
//   trouble {sentence}        something to be told
export class ChatSession extends EventTarget {
  #api
  #drafts
  #outbox
  #model
  #makeUuid
  #chat
  #messages
  #earlier
  #status = "ready"
  #error = null
  #turn = null

  constructor({ api, drafts, outbox, clock, random, log, chat = null, messages = [], earlier = null, model = () => undefined, makeUuid = uuid }) {
    super()
    this.#api = api
    this.#drafts = drafts
    this.#outbox = outbox
    this.#model = model
    this.#makeUuid = makeUuid
    this.#chat = chat
    this.#messages = messages
    this.#earlier = earlier
    const changed = () => this.#tell("connection")
    this.recovery = new ErrorRecovery({ clock, random, log, changed })
    this.health = new HealthMonitor({ clock, changed, inspect: () => this.#turn.inspect(), found: reason => this.#mend(reason) })
  }

  get chat() {
    return this.#chat
  }

  get messages() {
    return this.#messages
  }

  get hasEarlier() {
    return Boolean(this.#earlier)
  }

  // The draft.
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

  // Sent by the person, but acknowledged by no server.
  get isQueued() {
    return this.#turn?.isQueued ?? false
  }

  get isStopping() {
    return this.#turn?.isStopping ?? false
  }

  // False when there is nothing to send or a reply is running: the text then stays where it is.
  async send(text = this.input) {
    if (this.isLoading || !text.trim()) return false
    const key = this.#makeUuid()
    this.#status = "submitted"
    this.input = ""
    this.#outbox.put({ key, chatId: this.#chat?.id, text })
    await this.#post(key, text)
    return true
  }

  // Asks for the last reply again.
  async reload() {
    const reply = this.#messages.at(-1)
    const user = this.#messages.findLast(message => message.role === "user")
    if (this.isLoading || reply?.role !== "assistant" || !user) return
    const key = this.#makeUuid()
    this.#update(reply, { status: "thinking", error: null, finishReason: null })
    this.#empty(reply)
    await this.#run({
      reply,
      key,
      open: signal => this.#api.regenerate(this.#chat.id, { key, text: user.content, messageId: user.id, signal }),
    })
  }

  // Goes on with an incomplete reply, behind what there is of it.
  async continueReply() {
    const reply = this.#messages.at(-1)
    if (this.isLoading || reply?.role !== "assistant") return
    this.#update(reply, { status: "streaming", error: null, finishReason: null })
    await this.#run({ reply, behind: true, open: signal => this.#api.continueReply(reply.id, { signal }) })
  }

  async stop() {
    const turn = this.#turn
    if (!turn || turn.isStopping) return
    if (turn.isQueued && (this.recovery.isRecovering || this.recovery.isExhausted)) return turn.recall()
    turn.wantStop()
    this.#tell("change")
    await this.#askToStop(turn)
  }

  // What a page finds when it opens: messages that never left, a reply that runs.
  async resume() {
    for (const entry of this.#outbox.waiting(this.#chat?.id)) await this.#sendAgain(entry)
    await this.#attachToRunning()
  }

  // Takes over what another tab or device has done meanwhile.
  async sync() {
    if (this.isLoading || !this.#chat) return
    const { data: { messages, ...chat }, meta } = await this.#api.readChat(this.#chat.id)
    if (this.isLoading) return
    this.#chat = chat
    if (!this.#messages.some(({ id }) => id === messages[0]?.id)) this.#earlier = meta.nextCursor
    this.#messages = merge(this.#messages, messages.map(storedMessage))
    this.#tell("messages")
    await this.#attachToRunning()
  }

  // What was said before the first message that is shown. False when nothing was.
  async showEarlier() {
    const before = this.#earlier
    if (!before) return false
    const { data, meta } = await this.#api.readChat(this.#chat.id, { before })
    if (this.#earlier !== before) return true
    this.#earlier = meta.nextCursor
    this.#messages = [...data.messages.map(storedMessage), ...this.#messages]
    this.#tell("messages")
    return true
  }

  // The line is back or the tab awake (`polite`), or a person is impatient.
  tryNow({ polite = false } = {}) {
    this.recovery.retryNow({ polite })
    this.health.check()
  }

  // Nobody looks at the page for a while, and then somebody does again.
  pause() {
    this.#turn?.pause()
    this.health.stop()
  }

  wake() {
    this.#turn?.resume()
    if (this.#turn) this.health.start()
  }

  detach() {
    this.#turn?.leave()
    this.health.stop()
  }

  #post(key, text) {
    const user = userMessage(key, text)
    const reply = pendingReply(key)
    this.#messages = [...this.#messages, user, reply]
    this.#tell("messages")
    const open = async signal => {
      await this.#ensureChat(key, text)
      return this.#api.sendMessage(this.#chat.id, { key, text, signal })
    }
    return this.#run({ key, user, reply, open })
  }

  async #ensureChat(key, text) {
    if (this.#chat) return
    const model = this.#model()
    const draft = this.input
    this.#chat = await this.#api.createChat({ title: titleFrom(text), ...(model ? { model } : {}) })
    this.#outbox.put({ key, chatId: this.#chat.id, text })
    this.#drafts.write(null, "")
    this.input = draft
    this.#tell("created", { chat: this.#chat })
  }

  async #run(request) {
    const turn = new Turn({ ...request, api: this.#api, recovery: this.recovery, listener: this.#listener })
    this.#turn = turn
    this.#become("submitted")
    this.health.start()
    try {
      this.#end(turn, await turn.run())
    } catch (error) {
      this.#refuse(turn, error)
    } finally {
      this.#turn = null
      this.health.stop()
      this.recovery.resetRetryCount()
      this.#tell("change")
      this.#tell("settled", { message: turn.reply })
    }
  }

  #listener = {
    acknowledged: (turn, { headers }) => {
      this.recovery.resetRetryCount()
      this.#outbox.remove(turn.key)
      this.#name(turn, headers.get("X-Reply-Id"), headers.get("X-User-Message-Id"))
      if (turn.isStopping) this.#askToStop(turn)
      this.#tell("acknowledged")
    },
    sinkOf: ({ reply }) => ({
      arrived: () => this.health.updateLastChunkTime(),
      reset: () => this.#empty(reply),
      append: text => {
        reply.content += text
        if (reply.status !== "streaming") this.#update(reply, { status: "streaming" })
        if (this.#status !== "streaming") this.#become("streaming")
        this.#tell("text", { message: reply, text })
      },
    }),
  }

  #name(turn, replyId, userMessageId) {
    if (turn.user) this.#update(turn.user, { id: userMessageId || turn.user.id, status: "complete" })
    if (replyId) this.#update(turn.reply, { id: replyId })
  }

  #end({ reply }, server) {
    if (!server) return this.#become("ready")
    const { status, error, bytes, finishReason, model } = server
    this.#update(reply, { status, error, bytes, finishReason, model })
    this.#become(status === "failed" ? "error" : "ready", error)
  }

  // The server refused. If it has stored the message, the reply is a failed one; if not, the text comes back.
  #refuse(turn, error) {
    if (error instanceof Left) return
    if (error instanceof Recalled) {
      this.#giveBack(turn)
      return this.#become("ready")
    }
    if (isStored(turn, error)) {
      this.#outbox.remove(turn.key)
      this.#name(turn, error.replyId, error.userMessageId)
      this.#update(turn.reply, { status: "failed", error: { code: error.code, message: sentenceFor(error) } })
    } else {
      this.#giveBack(turn)
    }
    this.#become("error", error)
  }

  #giveBack(turn) {
    this.#outbox.remove(turn.key)
    this.#messages = this.#messages.filter(message => message !== turn.user && message !== turn.reply)
    this.#tell("messages")
    this.#returnText(turn.user.content)
  }

  #returnText(text) {
    this.input = joinDrafts(text, this.input)
    this.#tell("returned", { text: this.input })
  }

  async #askToStop(turn) {
    if (!this.#chat) return
    try {
      if (isPending(turn.reply)) await this.#api.stopChat(this.#chat.id)
      else await this.#api.stopReply(turn.reply.id)
    } catch (error) {
      turn.wantStop(false)
      this.#tell("change")
      this.#tell("trouble", { sentence: `The reply could not be stopped. ${sentenceFor(error)}` })
    }
  }

  async #sendAgain({ key, text, stale }) {
    if (stale || !this.#chat) {
      this.#outbox.remove(key)
      return this.#returnText(text)
    }
    const isShown = this.#messages.some(message => message.role === "user" && message.content === text)
    if (!isShown) return this.#post(key, text)
    await this.#askWhatBecameOf(key, text)
  }

  // The page shows this text already, so the server most likely has the message: its key brings the same reply, not another.
  async #askWhatBecameOf(key, text) {
    try {
      const response = await this.#api.sendMessage(this.#chat.id, { key, text })
      response.body?.cancel()
    } catch (error) {
      if (error.name === "NetworkError") return
      if (!isStored({ user: true }, error)) this.#returnText(text)
    }
    this.#outbox.remove(key)
    await this.sync()
  }

  async #attachToRunning() {
    const reply = this.#messages.at(-1)
    if (this.isLoading || !reply || !isRunning(reply)) return
    await this.#run({ reply, behind: true })
  }

  #mend(reason) {
    if (reason === "stuck" || reason === "away") this.#turn?.reattach()
  }

  #empty(reply) {
    this.#update(reply, { content: "", bytes: 0, status: "thinking" })
    this.#tell("reset", { message: reply })
  }

  #update(message, facts) {
    Object.assign(message, facts)
    this.#tell("message", { message })
  }

  #become(status, error = null) {
    this.#status = status
    this.#error = error
    this.#tell("change")
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

// A refusal after the message was stored names the reply.
function isStored({ user }, { replyId }) {
  return !user || Boolean(replyId)
}
