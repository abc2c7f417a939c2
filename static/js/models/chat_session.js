import { isCurable } from "../helpers/backoff.js"
import { sentenceFor } from "../helpers/sentences.js"
import { factsOf, isRunning, merge, pendingReply, storedMessage, userMessage } from "../helpers/messages.js"
import { addRestart, addText, addThought } from "../helpers/parts.js"
import { joinDrafts } from "../helpers/drafts.js"
import { systemClock } from "../helpers/clock.js"
import { titleFrom } from "../helpers/titles.js"
import { uuid } from "../helpers/uuid.js"
import { ErrorRecovery } from "./error_recovery.js"
import { HealthMonitor } from "./health_monitor.js"
import { LostMessages } from "./lost_messages.js"
import { Left, Recalled, Turn } from "./turn.js"

const STOP_AGAIN_MS = 300
const CHANGED_ELSEWHERE = new Set(["CHAT_BUSY", "REPLY_NOT_FOUND"])

// One chat as the page sees it. It tells what happens by events:
//   messages {}               the list changed           message {message}   one message's facts changed
//   text {message, text}      words came in              reset {message}     its text begins again
//   thought {message, text}   thoughts came in           restart {message}   a step was begun again
//   change {}                 status, isLoading, error   connection {}       retries or health
//   created {chat}            the chat exists now        returned {text}     a refused message comes back
//   acknowledged {}           the server has it          settled {message}   a reply has come to rest
//   trouble {sentence}        something to be told
export class ChatSession extends EventTarget {
  #api
  #drafts
  #outbox
  #lost
  #model
  #effort
  #makeUuid
  #chat
  #messages
  #earlier
  #status = "ready"
  #error = null
  #turn = null
  #clock
  #complaint = ""
  #returned = null

  constructor({
    api, drafts, outbox, clock = systemClock, random, log,
    chat = null, messages = [], earlier = null, model = () => undefined, effort = () => undefined, makeUuid = uuid,
  }) {
    super()
    this.#api = api
    this.#drafts = drafts
    this.#outbox = outbox
    this.#lost = new LostMessages({ api, outbox })
    this.#model = model
    this.#effort = effort
    this.#makeUuid = makeUuid
    this.#chat = chat
    this.#messages = messages
    this.#earlier = earlier
    this.#clock = clock
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

  // What is wrong with the message that came back; what is wrong with a reply stands beside it.
  get complaint() {
    return this.#complaint
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
    const key = this.#returned?.text === text ? this.#returned.key : this.#makeUuid()
    this.#returned = null
    this.#status = "submitted"
    this.input = ""
    this.#outbox.put({ key, chatId: this.#chat?.id, text })
    await this.#post(key, text)
    return true
  }

  // Asks for the last reply again. The old answer stays until the new one has a word.
  async reload() {
    const reply = this.#messages.at(-1)
    const user = this.#messages.findLast(message => message.role === "user")
    if (this.isLoading || reply?.role !== "assistant" || !user) return
    const key = this.#makeUuid()
    const again = { key, text: user.content, messageId: user.id, effort: this.#effort() }
    const open = signal => this.#api.regenerate(this.#chat.id, { ...again, signal })
    await this.#runAgain(reply, { key, open }, "thinking")
  }

  // Goes on with an incomplete reply, behind what there is of it.
  async continueReply() {
    const reply = this.#messages.at(-1)
    if (this.isLoading || reply?.role !== "assistant") return
    await this.#runAgain(reply, { behind: true, open: signal => this.#api.continueReply(reply.id, { signal }) }, "streaming")
  }

  // Sends a message once more that the server has lost.
  async resend(lost) {
    if (this.isLoading) return
    this.#drop(lost)
    this.#outbox.put({ key: lost.key, chatId: this.#chat?.id, text: lost.content })
    await this.#post(lost.key, lost.content)
  }

  discard(lost) {
    this.#outbox.remove(lost.key)
    this.#drop(lost)
  }

  async stop() {
    const turn = this.#turn
    if (!turn || turn.isStopping) return
    if (!turn.isAcknowledged && (this.recovery.isRecovering || this.recovery.isExhausted)) return turn.recall()
    turn.wantStop()
    this.#tell("change")
    await this.#askToStop(turn)
  }

  // The model shall think no more, and answer.
  async answerNow() {
    const turn = this.#turn
    if (!turn?.isAcknowledged) return
    try {
      await this.#api.answerNow(turn.reply.id)
    } catch (error) {
      if (error.code !== "CANNOT_HURRY") this.#tell("trouble", { sentence: sentenceFor(error) })
    }
  }

  // What a page finds when it opens: messages that never left, a reply that runs.
  async resume() {
    await this.#findLost()
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
    this.#returned = null
    this.#messages = merge(this.#messages, messages.map(storedMessage))
    this.#tell("messages")
    await this.#findLost()
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
    const effort = this.#effort()
    const open = async signal => {
      await this.#ensureChat(key, text)
      return this.#api.sendMessage(this.#chat.id, { key, text, effort, signal })
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

  #runAgain(reply, request, status) {
    const before = factsOf(reply)
    this.#update(reply, { status, error: null, finishReason: null, laterAttempt: null })
    return this.#run({ ...request, reply, before })
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
    stored: (turn, { replyId, userMessageId }) => {
      if (turn.user) this.#outbox.acknowledge(turn.key, { replyId, userMessageId })
      if (turn.user) this.#update(turn.user, { id: userMessageId || turn.user.id, status: "complete" })
      if (replyId) this.#update(turn.reply, { id: replyId })
    },
    acknowledged: turn => {
      this.recovery.resetRetryCount()
      if (turn.isStopping) this.#askToStop(turn)
      this.#tell("acknowledged")
    },
    sinkOf: turn => ({
      arrived: () => this.health.updateLastChunkTime(),
      reset: () => { if (!turn.before || turn.behind) this.#empty(turn.reply) },
      append: text => this.#append(turn, text),
      think: thought => this.#think(turn, thought),
      restart: facts => this.#restart(turn, facts),
    }),
  }

  #append(turn, text) {
    const { reply } = turn
    this.#begin(turn)
    addText(reply.parts, text)
    reply.content += text
    if (reply.status !== "streaming") this.#update(reply, { status: "streaming" })
    if (this.#status !== "streaming") this.#become("streaming")
    this.#tell("text", { message: reply, text })
  }

  #think(turn, thought) {
    this.#begin(turn)
    addThought(turn.reply.parts, thought)
    this.#tell("thought", { message: turn.reply, text: thought.text })
  }

  #restart(turn, facts) {
    this.#begin(turn)
    addRestart(turn.reply.parts, facts)
    this.#tell("restart", { message: turn.reply })
  }

  // Something has come: an answer that was to be replaced is.
  #begin(turn) {
    if (turn.before && !turn.behind) this.#empty(turn.reply)
    turn.before = null
  }

  #end(turn, server) {
    if (!server) return this.#become("ready")
    const { status, error, bytes, trace, finishReason, model } = server
    const isReplaced = !turn.before || turn.behind
    if (!isReplaced && status !== "complete") return this.#restore(turn, { status, error })
    if (!isReplaced) this.#empty(turn.reply)
    this.#update(turn.reply, { status, error, bytes, traceBytes: trace?.bytes ?? 0, finishReason, model })
    this.#become(status === "failed" ? "error" : "ready", error)
  }

  // The request was refused or taken back. An earlier answer stays; a message that the server has stored has a failed
  // reply; any other comes back to be sent again.
  #refuse(turn, error) {
    if (error instanceof Left) return
    const isRecalled = error instanceof Recalled
    const problem = { code: error.code, message: isRecalled ? "The reply was not written." : sentenceFor(error) }
    if (turn.before && isRecalled) this.#takeBack(turn)
    else if (turn.before) this.#restore(turn, { status: "failed", error: problem })
    else if (turn.isQueued) this.#giveBack(turn, isRecalled ? "" : problem.message)
    else this.#update(turn.reply, { status: "failed", error: problem })
    this.#become(isRecalled ? "ready" : "error", isRecalled ? null : error)
    if (CHANGED_ELSEWHERE.has(error.code)) this.sync().catch(() => {})
  }

  // Nothing has come of it: what was there is shown again, with what became of the later attempt.
  #restore({ reply, before }, { status, error }) {
    this.#update(reply, { ...before, laterAttempt: { status, error } })
    this.#become(status === "failed" ? "error" : "ready", error)
  }

  // The request may have arrived after all.
  #takeBack({ reply, before }) {
    this.#update(reply, before)
    this.#api.stopChat(this.#chat.id).catch(() => {})
  }

  // Sent again as it is, it has the same key: should the server have it after all, it is not posted twice.
  #giveBack({ key, user, reply }, complaint) {
    this.#outbox.remove(key)
    this.#messages = this.#messages.filter(message => message !== user && message !== reply)
    this.#tell("messages")
    this.#complaint = complaint
    this.#returnText(user.content)
    this.#returned = { key, text: user.content }
  }

  #returnText(text) {
    this.input = joinDrafts(text, this.input)
    this.#tell("returned", { text: this.input })
  }

  async #askToStop(turn) {
    try {
      if (turn.isAcknowledged) await this.#api.stopReply(turn.reply.id)
      else await this.#stopWhatBegins(turn)
    } catch (error) {
      turn.wantStop(false)
      this.#tell("change")
      this.#tell("trouble", { sentence: `The reply could not be stopped. ${sentenceFor(error)}` })
    }
  }

  // Which reply it will be only the server knows, and it may hear of the wish before it has heard of the message.
  async #stopWhatBegins(turn) {
    while (turn === this.#turn && turn.isStopping && !turn.isAcknowledged) {
      if (this.#chat) await this.#api.stopChat(this.#chat.id)
      await new Promise(resolve => this.#clock.setTimeout(resolve, STOP_AGAIN_MS))
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
      if (isCurable(error)) return  // nothing is known yet: asked when the page opens next
      if (!error.userMessageId) this.#returnText(text)
    }
    this.#outbox.remove(key)
    await this.sync()
  }

  async #findLost() {
    const lost = await this.#lost.find(this.#chat, this.#messages)
    const fresh = lost.filter(({ key }) => !this.#messages.some(message => message.key === key))
    if (fresh.length === 0) return
    this.#messages = [...this.#messages, ...fresh]
    this.#tell("messages")
  }

  #drop(lost) {
    this.#messages = this.#messages.filter(message => message !== lost)
    this.#tell("messages")
  }

  async #attachToRunning() {
    const reply = this.#messages.findLast(isRunning)
    if (this.isLoading || !reply) return
    await this.#run({ reply, behind: true })
  }

  #mend(reason) {
    if (reason === "stuck" || reason === "away") this.#turn?.reattach()
  }

  #empty(reply) {
    this.#update(reply, { content: "", parts: [], bytes: 0, traceBytes: 0, status: "thinking" })
    this.#tell("reset", { message: reply })
  }

  #update(message, facts) {
    Object.assign(message, facts)
    this.#tell("message", { message })
  }

  #become(status, error = null) {
    if (status !== "error") this.#complaint = ""
    this.#status = status
    this.#error = error
    this.#tell("change")
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
