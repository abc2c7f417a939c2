import assert from "node:assert/strict"
import test from "node:test"
import { ApiClient } from "../../static/js/models/api_client.js"
import { FakeClock, settle } from "./support/fake_clock.js"
import { FakeServer, ROUTES } from "./support/fake_server.js"

function begin() {
  const server = new FakeServer()
  const clock = new FakeClock()
  return { server, clock, api: new ApiClient({ routes: ROUTES, fetch: server.fetch, clock }) }
}

test("W40: a refusal has the server's sentence, code, fields and time to wait", async () => {
  const { server, api } = begin()
  server.goWrong("PATCH", { answer: () => Response.json(
    { success: false, error: "Not valid", code: "VALIDATION_ERROR", details: [{ field: "title", error: "is required" }], requestId: "q1" },
    { status: 400, headers: { "Retry-After": "3" } }) })
  await assert.rejects(api.updateChat("c", {}), error => {
    assert.equal(error.name, "ApiError")
    assert.deepEqual([error.status, error.code, error.message, error.retryAfter, error.requestId], [400, "VALIDATION_ERROR", "Not valid", 3, "q1"])
    assert.deepEqual(error.fields, { title: "is required" })
    return true
  })
})

test("a proxy's page is an error with a sentence of ours", async () => {
  const { server, api } = begin()
  server.goWrong("GET", { answer: () => new Response("<html>Bad Gateway</html>", { status: 502 }) })
  await assert.rejects(api.readReply("r"), { status: 502, message: "The server answered with an error (502)" })
})

test("silence becomes a NetworkError after 15 seconds", async () => {
  const { server, api, clock } = begin()
  server.goWrong("GET", { hang: true })
  const asked = assert.rejects(api.readReply("r"), { name: "NetworkError" })
  await clock.advance(15_000)
  await asked
})

test("a body may last as long as the reply does", async () => {
  const { server, api, clock } = begin()
  const reply = server.keep("r", { text: "abcdef", status: "streaming", shown: 0 })
  const response = await api.followReply("r", { cursor: "0.0" })
  await clock.advance(3_600_000)
  server.write(reply)
  assert.match(await response.text(), /abc[^]*def[^]*event: done/)
  assert.equal(clock.pending, 0)
})

test("asks one person once to sign in again, then repeats every refused request", async () => {
  const { server, api } = begin()
  server.keep("r")
  server.refuse("GET", 401, "UNAUTHENTICATED")
  server.refuse("GET", 401, "UNAUTHENTICATED")
  let asked = 0
  api.whenSignedOut(async () => { asked += 1; await settle(); return true })
  const [one, two] = await Promise.all([api.readReply("r"), api.readReply("r")])
  assert.equal(one.id, "r")
  assert.equal(two.id, "r")
  assert.equal(asked, 1)
})

test("who does not want to sign in again gets the refusal", async () => {
  const { server, api } = begin()
  server.refuse("GET", 401, "UNAUTHENTICATED")
  await assert.rejects(api.readReply("r"), { status: 401 })
})

test("a wrong password at signing in does not ask to sign in", async () => {
  const { server, api } = begin()
  server.refuse("POST", 401, "INVALID_CREDENTIALS")
  api.whenSignedOut(() => assert.fail("asked"))
  await assert.rejects(api.signIn({ email: "a", password: "b" }), { code: "INVALID_CREDENTIALS" })
})
