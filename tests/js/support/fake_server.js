import { createHash } from "node:crypto"

export const ROUTES = {
  homePage: "/", chatPage: "/chats/{chat}", loginPage: "/login",
  chats: "/api/chats", chat: "/api/chats/{chat}", models: "/api/models",
  chatStream: "/api/chats/{chat}/stream", chatStop: "/api/chats/{chat}/stop",
  reply: "/api/replies/{reply}", replyStream: "/api/replies/{reply}/stream",
  replyStop: "/api/replies/{reply}/stop", replyContinue: "/api/replies/{reply}/continue",
  login: "/api/auth/login", keys: "/api/keys", key: "/api/keys/{key}", me: "/api/users/me",
}

// A Macrochat that lives in memory and can be told to misbehave. It keeps messages once per idempotency key, as the real one does.
export class FakeServer {
  requests = []
  messages = []
  text = "Hello from the model."
  pageSize = 200
  #replies = new Map()
  #byKey = new Map()
  #troubles = []
  #count = 0

  fetch = async (url, options = {}) => {
    const request = { url, method: options.method ?? "GET", body: options.body && JSON.parse(options.body), headers: options.headers, signal: options.signal }
    this.requests.push(request)
    const trouble = this.#takeTrouble(request)
    if (trouble?.before) throw new TypeError("Failed to fetch")
    if (trouble?.answer) return trouble.answer()
    if (trouble?.hang) return new Promise((_, reject) => options.signal?.addEventListener("abort", () => reject(options.signal.reason)))
    const response = this.#answer(request, trouble)
    if (trouble?.after) throw new TypeError("network error")
    return response
  }

  // What goes wrong with the next request whose "METHOD path" contains `where`:
  //   before      it never arrives             after    it arrives, its answer is lost      hang   nothing at all
  //   cut: n      the body breaks after n bytes         end: n   the same, but it looks like a proper end
  //   answer      a function that makes the response
  goWrong(where, trouble) {
    this.#troubles.push({ where, ...trouble })
  }

  refuse(where, status, code, { headers = {}, error = "No." } = {}) {
    this.goWrong(where, { answer: () => Response.json({ success: false, error, code, requestId: "r" }, { status, headers }) })
  }

  // A reply as the database has it. `shown` bytes are committed so far while it streams.
  keep(id, { text = this.text, status = "complete", shown } = {}) {
    const reply = { id, bytes: Buffer.from(text), status, shown: shown ?? Buffer.byteLength(text), error: null, wake: [] }
    this.#replies.set(id, reply)
    return reply
  }

  reply(id) {
    return this.#replies.get(id)
  }

  // More of a streaming reply is committed; its open bodies get it. Without `bytes` all of it, and it is complete.
  write(reply, bytes = null) {
    reply.shown = bytes === null ? reply.bytes.length : Math.min(reply.bytes.length, reply.shown + bytes)
    if (bytes === null) reply.status = "complete"
    for (const wake of reply.wake.splice(0)) wake()
  }

  end(reply, status, error = null) {
    Object.assign(reply, { status, error, bytes: reply.bytes.subarray(0, reply.shown) })
    for (const wake of reply.wake.splice(0)) wake()
  }

  // A failover to a copy that lagged: the newest message and its reply never were.
  loseNewest() {
    const [key, { reply }] = [...this.#byKey].at(-1)
    this.#byKey.delete(key)
    this.#replies.delete(reply.id)
    this.messages.pop()
  }

  asked(where) {
    return this.requests.filter(request => `${request.method} ${request.url}`.includes(where))
  }

  #takeTrouble({ method, url }) {
    const index = this.#troubles.findIndex(({ where }) => `${method} ${url}`.includes(where))
    return index < 0 ? null : this.#troubles.splice(index, 1)[0]
  }

  #answer({ url, method, body, headers }, trouble) {
    const [path, query] = url.split("?")
    const at = `${method} ${path.replace("/api/", "")}`
    if (at === "POST chats") return data({ id: "chat-1", title: body.title, updatedAt: "2026-01-01T00:00:00Z" }, 201)
    if (at === "GET chats") return Response.json({ success: true, data: [], meta: { total: 0 } })
    if (/^POST chats\/[^/]+\/stream$/.test(at)) return this.#send(body, headers["Idempotency-Key"], trouble)
    if (/^GET chats\/[^/]+$/.test(at)) return this.#chat(new URLSearchParams(query).get("before"))
    if (/\/stop$/.test(at)) return data({})
    const reply = this.#replies.get(path.split("/")[3])
    if (!reply) return Response.json({ success: false, error: "Reply not found", code: "REPLY_NOT_FOUND" }, { status: 404 })
    if (/\/stream$/.test(at)) return this.#body(reply, Number(new URLSearchParams(query).get("offset")), trouble)
    if (/\/continue$/.test(at)) return this.#continue(reply, trouble)
    const committed = reply.bytes.subarray(0, reply.shown)
    return data({ id: reply.id, status: reply.status, bytes: committed.length, sha256: createHash("sha256").update(committed).digest("hex"), error: reply.error, finishReason: "stop", model: "m" })
  }

  // Its newest `pageSize` messages, or those before one.
  #chat(before) {
    const all = this.#stored()
    const end = before ? all.findIndex(({ id }) => id === before) : all.length
    const start = Math.max(0, end - this.pageSize)
    const chat = { id: "chat-1", title: "t", updatedAt: "x", messages: all.slice(start, end) }
    return Response.json({ success: true, data: chat, meta: { limit: this.pageSize, nextCursor: start ? all[start].id : null } })
  }

  #send(body, key, trouble) {
    if (!this.#byKey.has(key)) {
      const number = ++this.#count
      if (body.trigger !== "regenerate-message") this.messages.push({ id: `u${number}`, text: body.messages.at(-1).content })
      this.#byKey.set(key, { user: this.messages.at(-1).id, reply: this.keep(`r${number}`, { text: this.text, status: this.slow ? "streaming" : "complete", shown: this.slow ? 0 : undefined }) })
    }
    const { user, reply } = this.#byKey.get(key)
    return this.#body(reply, 0, trouble, { "X-Reply-Id": reply.id, "X-User-Message-Id": user })
  }

  #continue(reply, trouble) {
    const offset = reply.bytes.length
    Object.assign(reply, { bytes: Buffer.concat([reply.bytes, Buffer.from(" And more.")]), status: "complete" })
    reply.shown = reply.bytes.length
    return this.#body(reply, offset, trouble, { "X-Reply-Id": reply.id })
  }

  #stored() {
    return [...this.#byKey.values()].flatMap(({ user, reply }) => [
      { id: user, role: "user", content: this.messages.find(({ id }) => id === user).text },
      { id: reply.id, role: "assistant", content: reply.bytes.subarray(0, reply.shown).toString(), metadata: { status: reply.status, bytes: reply.shown } },
    ])
  }

  #body(reply, offset, trouble, headers = {}) {
    if (offset > reply.shown) return Response.json({ success: false, error: "Past the end", code: "OFFSET_OUT_OF_RANGE" }, { status: 416 })
    const most = trouble?.cut ?? trouble?.end ?? Infinity
    const start = offset
    const stream = new ReadableStream({
      async pull(controller) {
        if (trouble?.cut !== undefined && offset - start >= most) return controller.error(new TypeError("network error"))
        while (reply.shown === offset && reply.status === "streaming" && offset - start < most) await new Promise(resolve => reply.wake.push(resolve))
        const end = Math.min(reply.shown, offset + 3, start + most)
        if (end > offset) controller.enqueue(new Uint8Array(reply.bytes.subarray(offset, end)))
        offset = end
        if (trouble?.cut === undefined && offset - start >= most) return controller.close()
        if (offset - start < most && offset === reply.shown && reply.status !== "streaming") controller.close()
      },
    })
    return new Response(stream, { headers })
  }
}

function data(content, status = 200) {
  return Response.json({ success: true, data: content }, { status })
}
