import assert from "node:assert/strict"
import test from "node:test"
import { concatBytes, sha256Hex } from "../../static/js/helpers/bytes.js"
import { joinDrafts } from "../../static/js/helpers/drafts.js"
import { judge } from "../../static/js/helpers/judgement.js"
import { fill } from "../../static/js/helpers/routes.js"
import { isWorthRetrying, noticeFor, sentenceFor } from "../../static/js/helpers/sentences.js"
import { titleFrom } from "../../static/js/helpers/titles.js"
import { uuid } from "../../static/js/helpers/uuid.js"

test("judges what we have against what the server has", () => {
  const server = { status: "complete", bytes: 10, sha256: "aa" }
  assert.equal(judge(server, { bytes: 10, sha256: "aa" }), "whole")
  assert.equal(judge(server, { bytes: 7, sha256: "bb" }), "behind")
  assert.equal(judge(server, { bytes: 11, sha256: "aa" }), "torn")
  assert.equal(judge(server, { bytes: 10, sha256: "bb" }), "torn")
  assert.equal(judge({ ...server, status: "streaming" }, { bytes: 10, sha256: null }), "running")
  assert.equal(judge({ ...server, status: "streaming" }, { bytes: 11, sha256: null }), "torn")
})

test("compares lengths only where the browser has no SHA-256", async () => {
  assert.equal(await sha256Hex(new Uint8Array(), null), null)
  assert.equal(judge({ status: "stopped", bytes: 10, sha256: "aa" }, { bytes: 10, sha256: null }), "whole")
})

test("hashes bytes as the server does", async () => {
  const halves = [Uint8Array.of(0x61), Uint8Array.of(0x62, 0x63)]
  assert.equal(await sha256Hex(concatBytes(halves)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  assert.equal(await sha256Hex(new Uint8Array()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
})

test("fills addresses in, escaped", () => {
  assert.equal(fill("/api/chats/{chat}/stream", { chat: "a/b c" }), "/api/chats/a%2Fb%20c/stream")
  assert.equal(fill("/api/chats", {}, { q: "a&b", page: 0, none: "", gone: undefined }), "/api/chats?q=a%26b&page=0")
  assert.throws(() => fill("/api/chats/{chat}", {}), TypeError)
})

test("makes a title of the first line, cut between words", () => {
  assert.equal(titleFrom("  Hello   there \nsecond line"), "Hello there")
  const long = titleFrom("word ".repeat(40))
  assert.ok(long.length <= 61 && long.endsWith("word…"), long)
  assert.equal([...titleFrom("🎈".repeat(100))].length, 61)
  assert.equal(titleFrom("\n"), "New chat")
})

test("makes UUIDs also where crypto.randomUUID is missing", () => {
  const insecure = { getRandomValues: bytes => crypto.getRandomValues(bytes) }
  for (const id of [uuid(), uuid(insecure)]) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.notEqual(uuid(insecure), uuid(insecure))
})

test("loses neither of two texts that meet in the composer", () => {
  assert.equal(joinDrafts("sent", ""), "sent")
  assert.equal(joinDrafts("sent", "typed since"), "sent\n\ntyped since")
})

test("proposes Retry where it may help", () => {
  const beyond = ["UPSTREAM_AUTH", "UPSTREAM_QUOTA", "UPSTREAM_NO_MODELS", "UPSTREAM_MODEL_NOT_FOUND", "UNKNOWN_MODEL", "CONTEXT_TOO_LONG"]
  for (const code of beyond) assert.equal(isWorthRetrying({ error: { code } }), false, code)
  for (const code of ["UPSTREAM_BUSY", "UPSTREAM_TIMEOUT", "UPSTREAM_EMPTY"]) assert.equal(isWorthRetrying({ error: { code } }), true, code)
  assert.equal(isWorthRetrying({ error: null }), true)
})

test("W34: speaks in sentences, never in JSON", () => {
  assert.equal(sentenceFor({ name: "NetworkError", message: "TypeError: x" }), "The server cannot be reached.")
  assert.equal(sentenceFor({ status: 429, message: "Too many requests", retryAfter: 7 }), "Too many requests. Try again in 7 s.")
  assert.equal(noticeFor({ status: "complete", finishReason: "length" }), "The reply reached the model's length limit.")
  assert.match(noticeFor({ status: "complete", finishReason: "content_filter" }), /content filter/)
  assert.match(noticeFor({ status: "complete", finishReason: "tool_calls" }), /tool/)
  assert.equal(noticeFor({ status: "complete", laterAttempt: { status: "failed", error: { message: "No credit" } } }), "No credit. The answer you had is kept.")
  assert.match(noticeFor({ status: "complete", laterAttempt: { status: "stopped", error: null } }), /^You stopped the new answer/)
  assert.equal(noticeFor({ status: "complete", finishReason: "stop" }), "")
  assert.equal(noticeFor({ status: "complete", finishReason: "anything" }), "")
  assert.equal(noticeFor({ status: "failed", error: { message: "It broke" } }), "It broke.")
})
