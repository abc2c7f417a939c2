import assert from "node:assert/strict"
import test from "node:test"
import { ApiClient } from "../../static/js/models/api_client.js"
import { ErrorRecovery } from "../../static/js/models/error_recovery.js"
import { ReplyStream } from "../../static/js/models/reply_stream.js"
import { FakeClock, settle } from "./support/fake_clock.js"
import { FakeServer, ROUTES } from "./support/fake_server.js"
import { silent } from "./support/page.js"

const TEXT = "Ein Märchen über 🎈 Ballons – 漢字, e\u0301 und mehr."
const SIZE = Buffer.byteLength(TEXT)

function begin({ text = TEXT, status = "complete", shown, digest, lines } = {}) {
  const server = new FakeServer()
  const clock = new FakeClock()
  const reply = server.keep("r1", { text, status, shown, lines })
  const recovery = new ErrorRecovery({ clock, random: () => 0, log: silent })
  const heard = { text: "", thought: "", restarts: 0, resets: 0 }
  const sink = { append: text => { heard.text += text }, think: ({ text }) => { heard.thought += text }, restart: () => { heard.restarts += 1 }, reset: () => Object.assign(heard, { text: "", thought: "", resets: heard.resets + 1 }), arrived() {} }
  const api = new ApiClient({ routes: ROUTES, fetch: server.fetch, clock })
  const stream = new ReplyStream({ api, replyId: "r1", recovery, sink, now: clock.now, ...(digest ? { digest } : {}) })
  const offsets = () => server.asked("/stream?").map(({ url }) => Number(url.split("cursor=")[1].split(".")[0]))
  return { server, clock, reply, recovery, heard, stream, offsets }
}

// The end of the last whole character in the first bytes of TEXT.
function wholeUntil(at) {
  const bytes = Buffer.from(TEXT)
  while (at > 0 && (bytes[at] & 0xC0) === 0x80) at -= 1
  return at
}

test("reads a whole reply, characters cut anywhere", async () => {
  const { heard, stream, server } = begin()
  const final = await stream.follow()
  assert.equal(heard.text, TEXT)
  assert.equal(final.status, "complete")
  assert.equal(stream.bytes, SIZE)
  assert.equal(server.asked("GET /api/replies/r1").length, 1, "the body says itself how it stands")
})

for (const how of ["cut", "end"]) {
  test(`heals by offset when the body ${how === "cut" ? "breaks" : "ends as if it were whole"} at any byte`, async () => {
    for (let at = 0; at <= SIZE; at++) {
      const { server, heard, stream, offsets, clock } = begin()
      server.goWrong("/stream?", { [how]: at })
      const following = stream.follow()
      await clock.advance(10_000)
      assert.equal((await following).status, "complete")
      assert.equal(heard.text, TEXT, `at byte ${at}`)
      assert.deepEqual(offsets(), at === SIZE ? [0] : [0, wholeUntil(at)])
    }
  })
}

test("goes on from where it is while the reply runs", async () => {
  const { server, reply, heard, stream, clock, offsets } = begin({ status: "streaming", shown: 0 })
  server.goWrong("/stream?", { cut: 5 })
  const following = stream.follow()
  await clock.advance(0)
  server.write(reply, 9)
  await clock.advance(0)
  assert.deepEqual(offsets(), [0, 5])
  server.write(reply)
  assert.equal((await following).status, "complete")
  assert.equal(heard.text, TEXT)
})

test("retries after 1, 2 and 4 seconds, then waits to be asked", async () => {
  const { server, heard, stream, clock, recovery } = begin()
  server.goWrong("/stream?", { cut: 4 })
  for (let round = 0; round < 4; round++) server.goWrong("GET /api/replies/r1", { before: true })
  const following = stream.follow()
  await clock.advance(0)
  assert.equal(recovery.retryCount, 1)
  await clock.advance(1000)
  assert.equal(recovery.retryCount, 2)
  await clock.advance(2000)
  assert.equal(recovery.retryCount, 3)
  await clock.advance(4000)
  assert.ok(recovery.isExhausted)
  await clock.advance(600_000)
  assert.equal(server.asked("GET /api/replies/r1").length, 5, "nobody is asked meanwhile")
  recovery.retryNow()
  assert.equal((await following).status, "complete")
  assert.equal(heard.text, TEXT)
  assert.equal(recovery.retryCount, 0)
})

test("reads again from the start when the bytes are not the server's", async () => {
  let calls = 0
  const { heard, stream, offsets } = begin({ digest: async () => ++calls === 1 ? "another" : null })
  await stream.follow()
  assert.equal(heard.text, TEXT)
  assert.deepEqual(offsets(), [0])

  const torn = begin()
  assert.ok(torn.stream.startAfter("X".repeat(10), 10))
  await torn.stream.follow()
  assert.equal(torn.heard.text, TEXT)
  assert.equal(torn.heard.resets, 1)
  assert.deepEqual(torn.offsets(), [10, 0])
})

test("starts again when the server has less than we have", async () => {
  const { heard, stream, offsets } = begin()
  stream.startAfter("X".repeat(500), 500)
  await stream.follow()
  assert.equal(heard.text, TEXT)
  assert.deepEqual(offsets(), [500, 0])
})

test("begins behind the text that is on the page", async () => {
  const { heard, stream, offsets } = begin()
  const known = TEXT.slice(0, 20)
  assert.ok(stream.startAfter(known, Buffer.byteLength(known)))
  await stream.follow()
  assert.equal(known + heard.text, TEXT)
  assert.deepEqual(offsets(), [Buffer.byteLength(known)])
})

test("does not trust a page whose text is not the bytes", () => {
  const { stream } = begin()
  assert.ok(!stream.startAfter("a\nb", 4), "CRLF in the reply, LF in the page")
  assert.equal(stream.bytes, 0)
})

test("a connection that has gone quiet is opened again from the same byte", async () => {
  const { server, reply, heard, stream, offsets } = begin({ status: "streaming", shown: 6 })
  const following = stream.follow()
  await settle()
  stream.reattach()
  await settle()
  assert.deepEqual(offsets(), [0, 5])
  server.write(reply)
  await following
  assert.equal(heard.text, TEXT)
})

test("a failed reply ends with the server's word for it", async () => {
  const { server, reply, stream, heard, clock } = begin({ status: "streaming", shown: 12 })
  const following = stream.follow()
  await clock.advance(0)
  server.end(reply, "failed", { code: "UPSTREAM_INTERRUPTED", message: "It broke off" })
  const final = await following
  assert.equal(final.error.code, "UPSTREAM_INTERRUPTED")
  assert.equal(heard.text, Buffer.from(TEXT).subarray(0, 12).toString())
})

test("a detached stream asks no more", async () => {
  const { server, stream, clock } = begin({ status: "streaming", shown: 6 })
  const following = stream.follow()
  await clock.advance(0)
  stream.detach()
  assert.equal(await following, null)
  const before = server.requests.length
  await clock.advance(60_000)
  assert.equal(server.requests.length, before)
})

test("a reply that is gone is an error, not a loop", async () => {
  const { stream, server } = begin()
  stream.replyId = "nobody"
  await assert.rejects(stream.follow(), { status: 404 })
  assert.equal(server.requests.length, 2)
})

test("a paused stream holds no connection and goes on from its byte when it is resumed", async () => {
  const { server, reply, heard, stream, clock, offsets } = begin({ status: "streaming", shown: 7 })
  const following = stream.follow()
  await clock.advance(0)
  stream.pause()
  await clock.advance(0)
  const asked = server.requests.length
  server.write(reply)
  await clock.advance(600_000)
  assert.equal(server.requests.length, asked, "nobody is asked meanwhile")
  assert.equal(Buffer.byteLength(heard.text), 7)
  stream.resume()
  assert.equal((await following).status, "complete")
  assert.equal(heard.text, TEXT)
  assert.deepEqual(offsets(), [0, 7])
})

test("a paused stream can be left for good", async () => {
  const { stream, clock } = begin({ status: "streaming", shown: 6 })
  const following = stream.follow()
  await clock.advance(0)
  stream.pause()
  await clock.advance(0)
  stream.detach()
  assert.equal(await following, null)
})

const LINES = [
  { at: 0, t: 1, kind: "reasoning", text: "Let me " },
  { at: 0, t: 2, kind: "reasoning", text: "think… 🎈" },
  { at: 0, t: 3, kind: "opaque", value: { signature: "x" } },
]

test("thoughts come before the words they precede, and are counted", async () => {
  const { heard, stream, server } = begin({ lines: LINES })
  await stream.follow()
  assert.equal(heard.thought, "Let me think… 🎈")
  assert.equal(heard.text, TEXT)
  assert.equal(stream.traceBytes, server.reply("r1").lines.reduce((size, line) => size + Buffer.byteLength(JSON.stringify(line)) + 1, 0))
})

test("goes on behind the thoughts it has, wherever the line breaks", async () => {
  for (let at = 0; at <= SIZE; at += 5) {
    const { server, heard, stream, clock } = begin({ lines: [...LINES, { at: wholeUntil(20), t: 4, kind: "reasoning", text: "More." }] })
    server.goWrong("/stream?", { cut: at })
    const following = stream.follow()
    await clock.advance(10_000)
    await following
    assert.equal(heard.text, TEXT, `at byte ${at}`)
    assert.equal(heard.thought, "Let me think… 🎈More.", `at byte ${at}`)
  }
})

test("thoughts that only the server has are fetched though all words are there", async () => {
  const { server, reply, heard, stream, clock } = begin({ lines: LINES.slice(0, 1) })
  server.goWrong("/stream?", { end: SIZE })
  const following = stream.follow()
  server.think(reply, { text: "late" })
  await clock.advance(10_000)
  await following
  assert.equal(heard.thought, "Let me late")
})

test("a step that was begun again is told", async () => {
  const { heard, stream } = begin({ lines: [LINES[0], { at: 0, t: 2, kind: "restart", hurried: false }, LINES[1]] })
  await stream.follow()
  assert.equal(heard.restarts, 1)
})

test("a router that cuts a silent connection again and again is no failure", async () => {
  const { server, reply, heard, stream, clock, recovery } = begin({ status: "streaming", shown: 0 })
  const following = stream.follow()
  for (let round = 0; round < 12; round++) {
    await clock.advance(55_000)
    server.breakBodies()
    await clock.advance(0)
  }
  assert.equal(recovery.retryCount, 0)
  assert.ok(!recovery.isExhausted)
  server.write(reply)
  await following
  assert.equal(heard.text, TEXT)
})
