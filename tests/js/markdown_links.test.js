import assert from "node:assert/strict"
import { test } from "node:test"
import { destination, namesDestination, safeUrl } from "../../static/js/markdown/links.js"

test("http, https and mailto addresses are allowed", () => {
  for (const href of ["http://example.com", "https://example.com/a?b#c", "mailto:a@example.com", "HTTPS://EXAMPLE.COM"]) {
    assert.notEqual(safeUrl(href), null, href)
  }
})

test("every other scheme and every relative address is refused", () => {
  const refused = [
    "javascript:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "vbscript:x", "file:///x",
    "blob:https://example.com/1", "ftp://example.com", "tel:1", "//example.com", "/logout", "chats", "#top", "?q", "", "https://", "http://[::1",
  ]
  for (const href of refused) assert.equal(safeUrl(href), null, href)
})

test("the destination is the host in ASCII, or the mail address", () => {
  assert.equal(destination(safeUrl("https://EXAMPLE.com:8443/path")), "example.com:8443")
  assert.equal(destination(safeUrl("https://b\u0430nk.example")), "xn--bnk-6cd.example")
  assert.equal(destination(safeUrl("mailto:a@example.com?subject=x")), "a@example.com")
})

test("of a very long destination the end is shown, where its owner stands", () => {
  const host = `bank.example.${"a".repeat(50)}.${"b".repeat(50)}.evil.example`
  assert.equal(destination(safeUrl(`https://${host}/`)), `…${host.slice(-80)}`)
  assert.ok(!namesDestination(`https://${host}`, safeUrl(`https://${host}`)))
})

test("a mail address hides no other one", () => {
  assert.equal(destination(safeUrl("mailto:?to=a@evil.example&subject=x")), "a@evil.example")
  assert.equal(destination(safeUrl("mailto:a@bank.example?bcc=b@evil.example&CC=c%E2%80%AEd@%F0%9F%98%80.example")), "a@bank.example,b@evil.example,c%E2%80%AEd@%F0%9F%98%80.example")
  assert.ok(!namesDestination("a@bank.example", safeUrl("mailto:a@bank.example?bcc=b@evil.example")))
})

test("a text names a destination only if it starts with the real host", () => {
  const url = safeUrl("https://evil.example/login")
  for (const text of ["https://evil.example/login", "evil.example", "evil.example/x", " http://evil.example?y"]) {
    assert.ok(namesDestination(text, url), text)
  }
  for (const text of ["", "here", "https://bank.example", "evil.example.bank.example", "my evil.example", "https://bank.example@evil.example", "https://EVIL.example",
    "evil.example:8443", "evil.example\\\\@bank.example", "evil.example\u200b.bank.example", "https://evil\u3002example"]) {
    assert.ok(!namesDestination(text, url), text)
  }
})

test("a text with look-alike letters does not name its host", () => {
  assert.ok(!namesDestination("https://b\u0430nk.example", safeUrl("https://b\u0430nk.example")))
})

test("a capital that passes for another letter does not name its host", () => {
  assert.ok(!namesDestination("https://paypaI.example", safeUrl("https://paypaI.example")))
})
