import { NetworkError, apiErrorFrom } from "../helpers/api_errors.js"
import { systemClock } from "../helpers/clock.js"
import { fill } from "../helpers/routes.js"

const ANSWER_LIMIT_MS = 15_000
const SEND_LIMIT_MS = 60_000
const NOT_MODIFIED = 304

// The one module that calls fetch. Answers are the `data` of the envelope, or a Response whose body streams.
// Throws ApiError when the server refuses, NetworkError when nobody answers.
export class ApiClient {
  #routes
  #fetch
  #clock
  #signInAgain = async () => false
  #signingIn = null

  constructor({ routes, fetch = (...args) => globalThis.fetch(...args), clock = systemClock }) {
    this.#routes = routes
    this.#fetch = fetch
    this.#clock = clock
  }

  // `ask` resolves to true once the person has signed in again; the refused request is then repeated.
  whenSignedOut(ask) {
    this.#signInAgain = ask
  }

  get homePage() {
    return fill(this.#routes.homePage)
  }

  get loginPage() {
    return fill(this.#routes.loginPage)
  }

  pageOfChat(chat) {
    return fill(this.#routes.chatPage, { chat })
  }

  // `asks: false` for looks that nobody asked for: a signed-out person is left alone until they do something.
  // Resolves to the envelope and its `etag`; to null if it is still the answer that had the etag `unless`.
  listChats(query, { asks = true, unless } = {}) {
    return this.#json("GET", "chats", { query, whole: true, asks, headers: unless ? { "If-None-Match": unless } : {} })
  }

  createChat(body) {
    return this.#json("POST", "chats", { body })
  }

  // The newest messages, or those before one: `{ data, meta: { nextCursor } }`.
  readChat(chat, query) {
    return this.#json("GET", "chat", { values: { chat }, query, whole: true })
  }

  updateChat(chat, body) {
    return this.#json("PATCH", "chat", { values: { chat }, body })
  }

  deleteChat(chat) {
    return this.#json("DELETE", "chat", { values: { chat } })
  }

  listModels() {
    return this.#json("GET", "models")
  }

  // Replies stream as events: their words and thoughts. `effort` says how long the model shall think; none: as it does itself.

  sendMessage(chat, { key, text, model, effort, signal }) {
    const body = { messages: [{ id: key, role: "user", content: text }], ...given({ model, effort }) }
    return this.#stream("POST", "chatStream", { values: { chat }, body, headers: { "Idempotency-Key": key }, signal })
  }

  regenerate(chat, { key, text, messageId, model, effort, signal }) {
    const again = { messages: [{ role: "user", content: text }], trigger: "regenerate-message", messageId }
    const body = { ...again, ...given({ model, effort }) }
    return this.#stream("POST", "chatStream", { values: { chat }, body, headers: { "Idempotency-Key": key }, signal })
  }

  continueReply(reply, { signal } = {}) {
    return this.#stream("POST", "replyContinue", { values: { reply }, signal })
  }

  // From a cursor, `<bytes of text>.<bytes of trace>`.
  followReply(reply, { cursor, signal }) {
    return this.#stream("GET", "replyStream", { values: { reply }, query: { cursor }, signal, limit: ANSWER_LIMIT_MS })
  }

  answerNow(reply) {
    return this.#json("POST", "replyAnswerNow", { values: { reply } })
  }

  readReply(reply, { signal } = {}) {
    return this.#json("GET", "reply", { values: { reply }, signal })
  }

  stopReply(reply) {
    return this.#json("POST", "replyStop", { values: { reply } })
  }

  stopChat(chat) {
    return this.#json("POST", "chatStop", { values: { chat } })
  }

  signIn(credentials) {
    return this.#json("POST", "login", { body: credentials, asks: false })
  }

  signOut() {
    return this.#json("POST", "logout", { asks: false })
  }

  signOutEverywhere() {
    return this.#json("POST", "logoutAll")
  }

  changePassword(body) {
    return this.#json("POST", "password", { body })
  }

  deleteAccount(body) {
    return this.#json("DELETE", "me", { body })
  }

  createKey(body) {
    return this.#json("POST", "keys", { body })
  }

  revokeKey(key) {
    return this.#json("DELETE", "key", { values: { key } })
  }

  endSession(session) {
    return this.#json("DELETE", "session", { values: { session } })
  }

  // For administrators.

  readOverview() {
    return this.#json("GET", "overview")
  }

  stopAnyReply(reply) {
    return this.#json("POST", "operatorStop", { values: { reply } })
  }

  async #json(method, route, { whole = false, signal, ...request } = {}) {
    return this.#withLimit(ANSWER_LIMIT_MS, signal, async limited => {
      const response = await this.#open(method, route, { ...request, signal: limited })
      if (response.status === NOT_MODIFIED) return null
      const envelope = response.status === 204 ? {} : await response.json()
      return whole ? { ...envelope, etag: response.headers.get("ETag") } : envelope.data
    })
  }

  // The limit is on the answer's beginning only: its body may last as long as the reply does.
  #stream(method, route, { signal, limit = SEND_LIMIT_MS, headers = {}, ...request }) {
    const asked = { ...request, headers: { Accept: "text/event-stream", ...headers } }
    return this.#withLimit(limit, signal, limited => this.#open(method, route, { ...asked, signal: limited }))
  }

  async #open(method, route, { values, query, body, headers = {}, signal, asks = true }) {
    const response = await this.#fetch(fill(this.#routes[route], values, query), {
      method,
      headers: { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}), ...headers },
      body: body && JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal,
    })
    if (response.ok || response.status === NOT_MODIFIED) return response
    if (response.status === 401 && asks && await this.#askToSignIn()) {
      return this.#open(method, route, { values, query, body, headers, signal, asks: false })
    }
    throw await apiErrorFrom(response)
  }

  // However many requests are refused at once, one person is asked once.
  #askToSignIn() {
    this.#signingIn ??= this.#signInAgain().finally(() => { this.#signingIn = null })
    return this.#signingIn
  }

  async #withLimit(ms, signal, work) {
    const limited = new AbortController()
    const forward = () => limited.abort(signal.reason)
    if (signal?.aborted) forward()
    signal?.addEventListener("abort", forward, { once: true })
    const expire = () => limited.abort(new NetworkError("The server did not answer in time"))
    const timer = this.#clock.setTimeout(expire, ms)
    try {
      return await work(limited.signal)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (error.name === "ApiError") throw error
      throw new NetworkError(error.message, { cause: error })
    } finally {
      this.#clock.clearTimeout(timer)
    }
  }
}

function given(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value))
}
