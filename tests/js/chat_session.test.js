import assert from "node:assert/strict"
import test from "node:test"
import { noticeFor } from "../../static/js/helpers/sentences.js"
import { settle } from "./support/fake_clock.js"
import { FakeServer } from "./support/fake_server.js"
import { openPage } from "./support/page.js"

const CHAT = { id: "chat-1", updatedAt: "2026-01-01T00:00:00Z" }
const shown = session => session.messages.map(({ role, content, status }) => `${role} ${status}: ${content}`)

test("has the face of the specification's hook", async () => {
  const { session } = openPage({ chat: CHAT })
  assert.deepEqual(session.messages, [])
  assert.equal(session.input, "")
  assert.equal(session.isLoading, false)
  assert.equal(session.error, null)
  assert.equal(session.status, "ready")
  for (const verb of ["send", "reload", "stop"]) assert.equal(typeof session[verb], "function")
})

test("a message is shown at once, then its reply, word by word", async () => {
  const { session, events } = openPage({ chat: CHAT })
  const sending = session.send("Hi")
  assert.deepEqual(shown(session), ["user sending: Hi", "assistant thinking: "])
  assert.equal(session.status, "submitted")
  assert.equal(await sending, true)
  assert.deepEqual(shown(session), ["user complete: Hi", "assistant complete: Hello from the model."])
  assert.deepEqual(session.messages.map(({ id }) => id), ["u1", "r1"])
  assert.equal(session.status, "ready")
  assert.ok(events.filter(({ type }) => type === "text").length > 1)
  assert.equal(events.filter(({ type }) => type === "text").map(({ text }) => text).join(""), "Hello from the model.")
})

test("the first message makes the chat and names it", async () => {
  const { session, server, events } = openPage()
  await session.send("Why is the sky blue?\nTell me.")
  assert.equal(server.asked("POST /api/chats")[0].body.title, "Why is the sky blue?")
  assert.equal(session.chat.id, "chat-1")
  assert.ok(events.some(({ type, chat }) => type === "created" && chat.id === "chat-1"))
  assert.equal(server.messages.length, 1)
})

test("a second send while a reply runs does nothing and keeps the text", async () => {
  const { session, server } = openPage({ chat: CHAT })
  session.input = "next"
  const first = session.send("one")
  assert.equal(await session.send("two"), false)
  await first
  assert.equal(server.messages.length, 1)
})

test("white space is not a message", async () => {
  const { session, server } = openPage({ chat: CHAT })
  assert.equal(await session.send("  \n "), false)
  assert.equal(server.requests.length, 0)
})

test("a send whose answer was lost is repeated with the same key and posted once", async () => {
  const { session, server, clock } = openPage({ chat: CHAT })
  server.goWrong("POST", { after: true })
  const sending = session.send("Hi")
  await clock.advance(2000)
  await sending
  const keys = server.asked("POST").map(({ headers }) => headers["Idempotency-Key"])
  assert.deepEqual(keys, ["key-1", "key-1"])
  assert.equal(server.messages.length, 1)
  assert.deepEqual(shown(session), ["user complete: Hi", "assistant complete: Hello from the model."])
})

test("a message that cannot leave waits, and goes out once when the line returns", async () => {
  const { session, server, clock, outbox } = openPage({ chat: CHAT })
  for (let round = 0; round < 4; round++) server.goWrong("POST", { before: true })
  const sending = session.send("Hi")
  await clock.advance(60_000)
  assert.ok(session.recovery.isExhausted && session.isQueued)
  assert.equal(outbox.waiting("chat-1").length, 1)
  session.tryNow({ polite: true })
  await sending
  assert.equal(server.messages.length, 1)
  assert.equal(outbox.waiting("chat-1").length, 0)
})

test("a message that cannot leave can be taken back by Stop", async () => {
  const { session, server, clock, outbox, events } = openPage({ chat: CHAT })
  server.goWrong("POST", { before: true })
  const sending = session.send("Hi")
  await clock.advance(100)
  await session.stop()
  await sending
  assert.deepEqual(session.messages, [])
  assert.equal(session.input, "Hi")
  assert.equal(events.find(({ type }) => type === "returned").text, "Hi")
  assert.equal(outbox.waiting("chat-1").length, 0)
  assert.equal(session.status, "ready")
})

test("a message that was never acknowledged is sent again after a reload, with its key", async () => {
  const server = new FakeServer()
  const before = openPage({ server, chat: CHAT })
  server.goWrong("POST", { hang: true })
  before.session.send("Hi")
  await settle()
  before.session.detach()
  const after = openPage({ server, storage: before.storage, chat: CHAT })
  await after.session.resume()
  assert.deepEqual(shown(after.session), ["user complete: Hi", "assistant complete: Hello from the model."])
  assert.equal(server.asked("POST").at(-1).headers["Idempotency-Key"], "key-1")
  assert.equal(server.messages.length, 1)
})

test("a message the server has already is not posted again after a reload", async () => {
  const server = new FakeServer()
  const before = openPage({ server, chat: CHAT })
  server.goWrong("POST", { after: true })
  before.session.send("Hi")
  await settle()
  before.session.detach()
  const messages = [
    { key: "u1", id: "u1", role: "user", content: "Hi", status: "complete" },
    { key: "r1", id: "r1", role: "assistant", content: "Hello from the model.", status: "complete" },
  ]
  const after = openPage({ server, storage: before.storage, chat: CHAT, messages })
  await after.session.resume()
  assert.deepEqual(shown(after.session), ["user complete: Hi", "assistant complete: Hello from the model."])
  assert.equal(server.messages.length, 1)
  assert.equal(after.outbox.waiting("chat-1").length, 0)
})

test("a message too old for its key comes back as a draft", async () => {
  const page = openPage({ chat: CHAT })
  page.outbox.put({ key: "old", chatId: "chat-1", text: "yesterday's" })
  await page.clock.advance(25 * 3600 * 1000)
  await page.session.resume()
  assert.equal(page.session.input, "yesterday's")
  assert.equal(page.server.requests.length, 0)
})

test("W33: what is refused comes back to the composer, before what was typed meanwhile", async () => {
  const { session, server } = openPage({ chat: CHAT })
  server.refuse("POST", 413, "MESSAGE_TOO_LONG")
  const sending = session.send("a long one")
  session.input = "next"
  await sending
  assert.deepEqual(session.messages, [])
  assert.equal(session.input, "a long one\n\nnext")
  assert.equal(session.error.code, "MESSAGE_TOO_LONG")
  assert.equal(session.status, "error")
})

test("what a provider refuses is a failed reply, and Retry asks again without posting again", async () => {
  const { session, server } = openPage({ chat: CHAT })
  await session.send("first")
  server.refuse("POST", 502, "UPSTREAM_AUTH", { headers: { "X-Reply-Id": "r9", "X-User-Message-Id": "u9" }, error: "The model's server refused" })
  server.messages.push({ id: "u9", text: "Hi" })
  await session.send("Hi")
  const [user, reply] = session.messages.slice(-2)
  assert.deepEqual([user.id, user.status, reply.id, reply.status], ["u9", "complete", "r9", "failed"])
  assert.equal(reply.error.message, "The model's server refused.")
  await session.reload()
  const retry = server.asked("POST").at(-1)
  assert.equal(retry.body.trigger, "regenerate-message")
  assert.equal(retry.body.messageId, "u9")
  assert.equal(session.messages.at(-1).status, "complete")
})

test("gives the text back when the model's server has no models, since nothing was stored", async () => {
  const { session, server } = openPage({ chat: CHAT })
  server.refuse("POST", 502, "UPSTREAM_NO_MODELS", { error: "The model's server offers no models" })
  await session.send("Hi")
  assert.deepEqual(session.messages, [])
  assert.equal(session.input, "Hi")
  assert.equal(session.error.code, "UPSTREAM_NO_MODELS")
})

test("waits as long as a 429 asks, then sends", async () => {
  const { session, server, clock } = openPage({ chat: CHAT })
  server.refuse("POST", 429, "RATE_LIMITED", { headers: { "Retry-After": "7" } })
  const sending = session.send("Hi")
  await clock.advance(6_900)
  assert.equal(server.asked("POST").length, 1)
  await clock.advance(200)
  await sending
  assert.equal(server.messages.length, 1)
})

test("a chat that is busy elsewhere gives the text back", async () => {
  const { session, server } = openPage({ chat: CHAT })
  server.refuse("POST", 409, "CHAT_BUSY")
  await session.send("mine")
  await settle()
  assert.equal(session.input, "mine")
  assert.deepEqual(session.messages, [])
  assert.equal(server.asked("POST").length, 1)
})

test("Stop asks the server and the reply ends where it ended", async () => {
  const { session, server, clock } = openPage({ chat: CHAT })
  server.slow = true
  const sending = session.send("Hi")
  await settle()
  server.write(server.reply("r1"), 5)
  await settle()
  assert.equal(session.status, "streaming")
  await session.stop()
  assert.ok(session.isStopping)
  assert.equal(server.asked("POST /api/replies/r1/stop").length, 1)
  server.end(server.reply("r1"), "stopped")
  await clock.advance(0)
  await sending
  assert.deepEqual(shown(session), ["user complete: Hi", "assistant stopped: Hello"])
})

test("Stop before the answer is repeated for the reply that comes of it", async () => {
  const { session, server } = openPage({ chat: CHAT })
  const sending = session.send("Hi")
  session.stop()
  await sending
  assert.equal(server.asked("POST /api/chats/chat-1/stop").length, 1)
  assert.equal(server.asked("POST /api/replies/r1/stop").length, 1)
})

test("an answer stays until the new one has a word, and then makes way", async () => {
  const { session, server } = openPage({ chat: CHAT })
  await session.send("Hi")
  const [, reply] = session.messages
  server.slow = true
  const again = session.reload()
  await settle()
  assert.deepEqual([reply.status, reply.content], ["thinking", "Hello from the model."])
  server.reply("r2").bytes = Buffer.from("Other words.")
  server.write(server.reply("r2"))
  await again
  assert.deepEqual([reply.id, reply.status, reply.content, reply.laterAttempt], ["r2", "complete", "Other words.", null])
})

for (const [what, status, code, headers] of [
  ["a refusal that stored a new reply", 502, "UPSTREAM_AUTH", { "X-Reply-Id": "r9", "X-User-Message-Id": "u1" }],
  ["a refusal that stored nothing", 422, "VALIDATION_ERROR", {}],
]) {
  test(`Regenerate destroys nothing: ${what}`, async () => {
    const { session, server } = openPage({ chat: CHAT })
    await session.send("Hi")
    const before = { ...session.messages[1] }
    server.refuse("POST", status, code, { headers, error: "The model's server refused" })
    await session.reload()
    const { laterAttempt, ...shown } = session.messages[1]
    assert.deepEqual({ ...shown, laterAttempt: null }, { laterAttempt: null, ...before })
    assert.deepEqual(laterAttempt, { status: "failed", error: { code, message: "The model's server refused." } })
    assert.equal(session.complaint, "", "it is said once, beside the answer")
    await session.reload()
    assert.deepEqual([session.messages[1].status, session.messages[1].laterAttempt], ["complete", null])
  })
}

test("Regenerate destroys nothing: a new answer that ends without a word", async () => {
  const { session, server } = openPage({ chat: CHAT })
  await session.send("Hi")
  server.slow = true
  const again = session.reload()
  await settle()
  server.end(server.reply("r2"), "failed", { code: "UPSTREAM_TIMEOUT", message: "Too slow." })
  await again
  const { id, status, content, laterAttempt } = session.messages[1]
  assert.deepEqual([id, status, content], ["r1", "complete", "Hello from the model."])
  assert.equal(laterAttempt.error.message, "Too slow.")
})

test("Stop right after Regenerate stops the new reply, however late the server hears of it", async () => {
  const { session, server, clock } = openPage({ chat: CHAT })
  await session.send("Hi")
  server.slow = true
  let answer
  const late = new Promise(resolve => { answer = resolve })
  server.goWrong("POST /api/chats/chat-1/stream", { answer: () => late })
  const again = session.reload()
  await settle()
  await clock.advance(800)
  const stopping = session.stop()
  await clock.advance(700)
  assert.equal(server.asked("POST /api/chats/chat-1/stop").length, 3, "told again while nothing has begun")
  assert.equal(server.asked("/replies/r1/stop").length, 0, "never the old reply")
  server.keep("r2", { status: "stopped", shown: 0, text: "" })
  answer(new Response(new Blob([]).stream(), { headers: { "X-Reply-Id": "r2", "X-User-Message-Id": "u1" } }))
  await settle()
  await clock.advance(500)
  await Promise.all([again, stopping])
  assert.equal(server.asked("POST /api/replies/r2/stop").length, 1)
  const { id, status, content, laterAttempt } = session.messages[1]
  assert.deepEqual([id, status, content, laterAttempt.status], ["r1", "complete", "Hello from the model.", "stopped"])
})

test("a regenerate that cannot leave is taken back by Stop, and the old answer is there", async () => {
  const { session, server, clock } = openPage({ chat: CHAT })
  await session.send("Hi")
  server.goWrong("POST", { before: true })
  const again = session.reload()
  await clock.advance(100)
  await session.stop()
  await again
  assert.deepEqual(shown(session), ["user complete: Hi", "assistant complete: Hello from the model."])
  assert.equal(session.status, "ready")
})

test("a stored message is never given back, whatever is wrong and however often", async () => {
  const { session, server, clock } = openPage({ chat: CHAT })
  const ids = { "X-Reply-Id": "r9", "X-User-Message-Id": "u9" }
  for (let round = 0; round < 4; round++) server.refuse("POST", 500, "INTERNAL_ERROR", { headers: round === 0 ? ids : {} })
  const sending = session.send("Hi")
  await clock.advance(60_000)
  await sending
  assert.equal(session.input, "")
  const [user, reply] = session.messages
  assert.deepEqual([user.id, user.status, reply.id, reply.status], ["u9", "complete", "r9", "failed"])
})

test("a message that is shown is not given back because its server is starting", async () => {
  const first = openPage({ chat: CHAT })
  first.server.goWrong("POST", { after: true })
  first.session.send("Hi")
  await settle()
  first.session.detach()
  const { server, storage, clock } = first
  const messages = [{ key: "u1", id: "u1", role: "user", content: "Hi", status: "complete" }]
  for (const [status, waiting] of [[503, 1], [500, 1], [502, 1], [null, 0]]) {
    const next = openPage({ server, storage, clock, chat: CHAT, messages: [...messages] })
    if (status) server.refuse("POST", status, "")
    await next.session.resume()
    assert.deepEqual([next.session.input, next.outbox.waiting("chat-1").length], ["", waiting])
  }
  assert.equal(server.messages.length, 1)
})

test("a refusal that stored nothing gives the text back, whatever its code", async () => {
  const { session, server } = openPage({ chat: CHAT })
  server.refuse("POST", 422, "CONTEXT_TOO_LONG", { error: "Too long for the model" })
  await session.send("Hi")
  assert.deepEqual([session.input, session.messages.length, session.complaint], ["Hi", 0, "Too long for the model."])
})

test("text that came back and is sent again as it was has its old key", async () => {
  const { session, server } = openPage({ chat: CHAT })
  server.refuse("POST", 422, "VALIDATION_ERROR")
  await session.send("Hi")
  await session.send("Hi")
  await session.send("Hi")
  const keys = server.asked("POST").map(({ headers }) => headers["Idempotency-Key"])
  assert.deepEqual(keys, ["key-1", "key-1", "key-2"])
})

test("an acknowledged message that the server does not know any more is offered again", async () => {
  const before = openPage({ chat: CHAT })
  await before.session.send("Hi")
  const server = new FakeServer()  // what is left after a failover to a copy that lagged
  const after = openPage({ server, storage: before.storage, clock: before.clock, chat: CHAT })
  await after.session.resume()
  assert.deepEqual(shown(after.session), ["user lost: Hi"])
  await after.session.resend(after.session.messages[0])
  assert.deepEqual(shown(after.session), ["user complete: Hi", "assistant complete: Hello from the model."])
  assert.equal(server.asked("POST").at(-1).headers["Idempotency-Key"], "key-1")
})

test("a page that stays open while a failover loses a message offers it again", async () => {
  const { session, server } = openPage({ chat: CHAT })
  await session.send("Hi")
  await session.send("Lost")
  server.loseNewest()
  await session.sync()
  assert.deepEqual(shown(session), ["user complete: Hi", "assistant complete: Hello from the model.", "user lost: Lost"])
  await session.sync()
  assert.equal(session.messages.length, 3, "once")
  await session.resend(session.messages[2])
  assert.deepEqual(shown(session).slice(2), ["user complete: Lost", "assistant complete: Hello from the model."])
})

test("a message whose reply is lost in mid-stream is offered again", async () => {
  const { session, server, clock } = openPage({ chat: CHAT })
  server.slow = true
  server.goWrong("POST", { cut: 5 })
  const sending = session.send("Hi")
  await settle()
  server.write(server.reply("r1"), 5)
  server.loseNewest()
  await clock.advance(60_000)
  await sending
  await settle()
  assert.deepEqual(shown(session), ["user lost: Hi"])
})

test("what is shown, stands on another branch, was left or is long ago is not offered again", async () => {
  const { session, server, storage, clock, outbox } = openPage({ chat: CHAT })
  await session.send("Hi")
  const other = openPage({ server, storage, clock, chat: CHAT })
  await other.session.resume()
  assert.deepEqual(other.session.messages, [], "its reply is there: the message stands on another branch")
  const lost = openPage({ storage, clock, chat: CHAT })
  await lost.session.resume()
  lost.session.discard(lost.session.messages[0])
  assert.equal(outbox.acknowledged("chat-1").length, 0)
  await session.send("Later")
  await clock.advance(11 * 60_000)
  assert.equal(outbox.acknowledged("chat-1").length, 0)
})

test("a new chat that is gone with its first message is offered again on the first page", async () => {
  const before = openPage()
  await before.session.send("Hi")
  const server = new FakeServer()
  server.refuse("GET /api/chats/chat-1", 404, "CHAT_NOT_FOUND")
  const after = openPage({ server, storage: before.storage, clock: before.clock })
  await after.session.resume()
  assert.deepEqual(shown(after.session), ["user lost: Hi"])
  assert.match(noticeFor(after.session.messages[0]), /chat of this message is gone/)
  await after.session.resend(after.session.messages[0])
  assert.equal(server.asked("POST /api/chats")[0].body.title, "Hi")
})

test("Continue appends to what there is", async () => {
  const { session, server } = openPage({ chat: CHAT })
  server.slow = true
  const sending = session.send("Hi")
  await settle()
  server.write(server.reply("r1"), 5)
  server.end(server.reply("r1"), "interrupted")
  await sending
  assert.equal(session.messages.at(-1).status, "interrupted")
  await session.continueReply()
  assert.deepEqual(shown(session), ["user complete: Hi", "assistant complete: Hello And more."])
})

test("a running reply that the page finds is followed from where it is", async () => {
  const server = new FakeServer()
  const reply = server.keep("r7", { status: "streaming", shown: 5 })
  const messages = [{ key: "r7", id: "r7", role: "assistant", content: "Hello", parts: [{ type: "text", text: "Hello" }], bytes: 5, status: "streaming" }]
  const { session } = openPage({ server, chat: CHAT, messages })
  const following = session.resume()
  await settle()
  assert.ok(session.isLoading)
  assert.ok(server.asked("cursor=5.").length === 1)
  server.write(reply)
  await following
  assert.equal(session.messages[0].content, "Hello from the model.")
})

test("what another device has said appears, and known messages stay the same objects", async () => {
  const server = new FakeServer()
  const here = openPage({ server, chat: CHAT })
  const there = openPage({ server, chat: CHAT })
  await here.session.send("one")
  const [known] = here.session.messages
  await there.session.send("two")
  await here.session.sync()
  assert.equal(here.session.messages.length, 2 * server.messages.length)
  assert.equal(here.session.messages[0], known)
})

test("a silent reply is asked about, and a stuck connection opened again at once", async () => {
  const { session, server, clock } = openPage({ chat: CHAT })
  server.slow = true
  const sending = session.send("Hi")
  await settle()
  server.write(server.reply("r1"), 5)
  await settle()
  server.reply("r1").shown = 9
  await clock.advance(20_000)
  assert.ok(server.asked("cursor=5.").length === 1, "re-attached behind what we have")
  server.write(server.reply("r1"))
  await sending
  assert.equal(session.messages.at(-1).content, "Hello from the model.")
  assert.equal(session.health.connectionHealth, "healthy")
})

test("drafts are kept for each chat", () => {
  const { session, storage } = openPage({ chat: CHAT })
  session.input = "half a thought"
  const other = openPage({ storage, chat: { id: "chat-2" } })
  assert.equal(other.session.input, "")
  assert.equal(openPage({ storage, chat: CHAT }).session.input, "half a thought")
})

test("earlier messages come before those that are shown, and stay when the newest are read again", async () => {
  const server = new FakeServer()
  const other = openPage({ server, chat: CHAT })
  for (const text of ["one", "two", "three"]) await other.session.send(text)
  server.pageSize = 4
  const { session } = openPage({ server, chat: CHAT })
  await session.sync()
  const users = () => session.messages.filter(({ role }) => role === "user").map(({ content }) => content)
  assert.deepEqual([users(), session.hasEarlier], [["two", "three"], true])
  await Promise.all([session.showEarlier(), session.showEarlier()])
  assert.deepEqual([users(), session.hasEarlier], [["one", "two", "three"], false])
  await session.sync()
  assert.deepEqual([users(), session.hasEarlier], [["one", "two", "three"], false])
  assert.equal(await session.showEarlier(), false)
})

test("what was shown goes when so much was said elsewhere that nothing of it is among the newest", async () => {
  const server = new FakeServer()
  const other = openPage({ server, chat: CHAT })
  const { session } = openPage({ server, chat: CHAT })
  await other.session.send("one")
  await session.sync()
  server.pageSize = 2
  for (const text of ["two", "three"]) await other.session.send(text)
  await session.sync()
  assert.deepEqual(session.messages.map(({ role }) => role), ["user", "assistant"])
  assert.equal(session.messages[0].content, "three")
  assert.equal(session.hasEarlier, true)
})
