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
  lines = []
  breaks = 0
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

  // A reply as the database has it. `shown` bytes are committed so far while it streams. `lines` are its trace:
  // { at, kind, text } and so on, all of it committed.
  keep(id, { text = this.text, status = "complete", shown, lines = this.lines } = {}) {
    const reply = { id, bytes: Buffer.from(text), status, shown: shown ?? Buffer.byteLength(text), error: null, wake: [], lines: [...lines] }
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

  // All bodies that wait get a sign of life, and break.
  breakBodies() {
    this.breaks += 1
    for (const reply of this.#replies.values()) for (const wake of reply.wake.splice(0)) wake()
  }

  // Another line of its trace is committed.
  think(reply, line) {
    reply.lines.push({ at: reply.shown, t: 1, kind: "reasoning", ...line })
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
    if (/\/stream$/.test(at)) return this.#body(reply, new URLSearchParams(query).get("cursor"), trouble)
    if (/\/continue$/.test(at)) return this.#continue(reply, trouble)
    return data(this.#account(reply))
  }

  #account({ id, status, error, bytes, shown, lines }) {
    const committed = bytes.subarray(0, shown)
    const sha256 = createHash("sha256").update(committed).digest("hex")
    return { id, status, bytes: shown, sha256, trace: { bytes: sizeOf(lines) }, error, finishReason: "stop", model: "m" }
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
    return this.#body(reply, "0.0", trouble, { "X-Reply-Id": reply.id, "X-User-Message-Id": user })
  }

  #continue(reply, trouble) {
    const offset = reply.bytes.length
    Object.assign(reply, { bytes: Buffer.concat([reply.bytes, Buffer.from(" And more.")]), status: "complete" })
    reply.shown = reply.bytes.length
    return this.#body(reply, `${offset}.${sizeOf(reply.lines)}`, trouble, { "X-Reply-Id": reply.id })
  }

  #stored() {
    return [...this.#byKey.values()].flatMap(({ user, reply }) => [
      { id: user, role: "user", content: this.messages.find(({ id }) => id === user).text },
      { id: reply.id, role: "assistant", content: reply.bytes.subarray(0, reply.shown).toString(), metadata: { status: reply.status, bytes: reply.shown, traceBytes: sizeOf(reply.lines) } },
    ])
  }

  // Events, each sent in two pieces. A body that breaks does so in the middle of one.
  #body(reply, cursor, trouble, headers = {}) {
    let [offset, traced] = cursor.split(".").map(Number)
    if (offset > reply.shown || traced > sizeOf(reply.lines)) return Response.json({ success: false, error: "Past the end", code: "OFFSET_OUT_OF_RANGE" }, { status: 416 })
    const most = offset + (trouble?.cut ?? trouble?.end ?? Infinity)
    const last = () => event(["complete", "stopped"].includes(reply.status) ? "done" : "error", `${offset}.${traced}`, this.#account(reply))
    const next = () => {
      const line = reply.lines.find((_, index) => sizeOf(reply.lines.slice(0, index)) >= traced)
      if (line && line.at <= offset) {
        traced += sizeOf([line])
        const { kind, ...facts } = line
        return kind === "opaque" ? next() : event(kind, `${offset}.${traced}`, facts)
      }
      const end = wholeCharacters(reply.bytes, offset, Math.min(reply.shown, line?.at ?? Infinity, most))
      if (end === offset) return null
      const text = reply.bytes.subarray(offset, end).toString()
      offset = end
      return event("delta", `${offset}.${traced}`, { text })
    }
    const isBroken = () => most <= reply.bytes.length && (most <= reply.shown || offset === most)
    const server = this
    const stream = new ReadableStream({
      async pull(controller) {
        const { breaks } = server
        let found = next()
        while (!found && !isBroken() && reply.status === "streaming") {
          await new Promise(resolve => reply.wake.push(resolve))
          if (server.breaks !== breaks) {
            controller.enqueue(new Uint8Array(Buffer.from(": life\n")))
            return controller.error(new TypeError("network error"))
          }
          found = next()
        }
        if (found) return sendInTwo(controller, found)
        if (isBroken() && trouble.cut !== undefined) {
          controller.enqueue(new Uint8Array(Buffer.from("event: delta\nda")))
          return controller.error(new TypeError("network error"))
        }
        if (!isBroken()) sendInTwo(controller, last())
        controller.close()
      },
    })
    return new Response(stream, { headers: { ...headers, "Content-Type": "text/event-stream" } })
  }
}

function event(name, id, facts) {
  return Buffer.from(`: life\n\nevent: ${name}\nid: ${id}\ndata: ${JSON.stringify(facts)}\n\n`)
}

function sendInTwo(controller, bytes) {
  const middle = Math.floor(bytes.length / 2)
  controller.enqueue(new Uint8Array(bytes.subarray(0, middle)))
  controller.enqueue(new Uint8Array(bytes.subarray(middle)))
}

// The end of the next whole character, or of a few, none of them behind `most`; `start` if there is none.
function wholeCharacters(bytes, start, most) {
  const isInside = at => at < bytes.length && (bytes[at] & 0xC0) === 0x80
  let end = Math.min(start + 3, most)
  while (end > start && isInside(end)) end -= 1
  if (end > start) return end
  end = start + 1
  while (isInside(end)) end += 1
  return end <= most ? end : start
}

function sizeOf(lines) {
  return lines.reduce((size, line) => size + Buffer.byteLength(JSON.stringify(line)) + 1, 0)
}

function data(content, status = 200) {
  return Response.json({ success: true, data: content }, { status })
}
