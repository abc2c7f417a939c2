import { ApiClient } from "../../../static/js/models/api_client.js"
import { ChatSession } from "../../../static/js/models/chat_session.js"
import { Drafts } from "../../../static/js/models/drafts.js"
import { Outbox } from "../../../static/js/models/outbox.js"
import { FakeClock } from "./fake_clock.js"
import { FakeServer, ROUTES } from "./fake_server.js"

export const silent = { warn() {} }

// localStorage as far as we use it: its names are its own enumerable keys.
export function fakeStorage() {
  const names = Object.create({
    getItem(name) { return this[name] ?? null },
    setItem(name, value) { this[name] = String(value) },
    removeItem(name) { delete this[name] },
  })
  return names
}

// A page with a session in it, on a fake server and a fake clock. `events` is what the session has told, in order.
export function openPage({ server = new FakeServer(), storage = fakeStorage(), clock = new FakeClock(), chat = null, messages = [] } = {}) {
  let count = 0
  const api = new ApiClient({ routes: ROUTES, fetch: server.fetch, clock })
  const drafts = new Drafts({ storage, user: "alice" })
  const outbox = new Outbox({ storage, user: "alice", now: clock.now })
  const session = new ChatSession({ api, drafts, outbox, clock, random: () => 0, log: silent, chat, messages, makeUuid: () => `key-${++count}` })
  const events = []
  for (const type of ["messages", "message", "text", "reset", "change", "connection", "created", "returned", "settled", "trouble"]) {
    session.addEventListener(type, ({ detail }) => events.push({ type, ...detail }))
  }
  return { server, storage, clock, api, drafts, outbox, session, events }
}
