import { routesOf } from "../helpers/routes.js"
import { rememberTimeZone } from "../helpers/preferences.js"
import { messagesOf } from "../helpers/page_facts.js"
import { isRunning } from "../helpers/messages.js"
import { privateName, safeStorage } from "../helpers/storage.js"
import { setText } from "../helpers/dom.js"
import { Announcer } from "../models/announcer.js"
import { ApiClient } from "../models/api_client.js"
import { ChatSession } from "../models/chat_session.js"
import { Composer } from "../models/composer.js"
import { ConnectionIndicator } from "../models/connection_indicator.js"
import { Drafts } from "../models/drafts.js"
import { EffortPicker } from "../models/effort_picker.js"
import { EarlierMessages } from "../models/earlier_messages.js"
import { MessageList } from "../models/message_list.js"
import { ModelPicker } from "../models/model_picker.js"
import { Outbox } from "../models/outbox.js"
import { ScrollKeeper } from "../models/scroll_keeper.js"
import { SignInAgain } from "../models/sign_in_again.js"
import { StreamingCursor } from "../models/streaming_cursor.js"
import { Theme } from "../models/theme.js"
import { ThoughtPreference } from "../models/thought_view.js"
import { Toasts } from "../models/toasts.js"
import { Watch } from "../models/watch.js"
import { furnish } from "./frame.js"

const $ = id => document.getElementById(id)
const { user } = $("app").dataset
const conversation = $("conversation")

const api = new ApiClient({ routes: routesOf(document) })
const toasts = new Toasts($("toasts"))
const drafts = new Drafts({ storage: safeStorage(), user })
const session = new ChatSession({
  api,
  drafts,
  outbox: new Outbox({ storage: safeStorage(), user }),
  chat: conversation.dataset.chatId ? { id: conversation.dataset.chatId, updatedAt: conversation.dataset.updated } : null,
  messages: messagesOf($("messages")),
  earlier: $("earlier").dataset.before || null,
  model: () => picker.chosen,
  effort: () => efforts.chosen,
})
const picker = new ModelPicker({ select: $("model"), api, session, toasts })
const efforts = new EffortPicker({ select: $("effort"), picker, storage: safeStorage(), user })
const preference = new ThoughtPreference({ storage: safeStorage(), name: privateName("thoughts", user, "open") })
const messages = new MessageList({ element: $("messages"), scroller: conversation, session, toasts, preference })
const scroll = new ScrollKeeper({ scroller: conversation, content: $("messages"), jump: $("jump") })
const composer = new Composer({ form: $("composer"), session })
const cursor = new StreamingCursor()
const { chats } = furnish({
  api,
  toasts,
  verbs: { newChat: startAfresh, stop: () => session.isLoading ? session.stop() : false, write: () => composer.focus() },
})
const examples = [...document.querySelectorAll("[data-prompt]")].map(element => ({ element, text: element.dataset.prompt }))
const watch = new Watch({ look, sleep: () => session.pause(), wake, isBusy: () => session.isLoading })

new EarlierMessages({ button: $("earlier"), scroller: conversation, session, toasts })
new Announcer({ element: $("announcer"), session })
new ConnectionIndicator({ status: $("connection"), activity: $("activity"), button: $("try-now"), session })
new SignInAgain({ dialog: $("sign-in-again"), api, user })
new Theme({ inputs: document.querySelectorAll("input[name=theme]") })

on(session, "messages", () => { $("welcome").hidden = session.messages.length > 0 })
on(session, "messages", () => { if (session.isLoading) scroll.toEnd() })
on(session, "message", ({ message }) => isRunning(message) && message.status === "streaming" ? cursor.follow(messages.viewOf(message)) : null)
on(session, "text", ({ message }) => cursor.follow(messages.viewOf(message)))
on(session, "settled", () => { cursor.leave(); watch.tell(); look().catch(() => {}) })
on(session, "acknowledged", () => watch.tell())
on(session, "created", ({ chat }) => enter(chat))
on(session, "change", () => {
  if (session.complaint) composer.complain(session.complaint)
  else if (session.status === "ready") composer.complain("")
})
on(session, "trouble", ({ sentence }) => toasts.show(sentence, "error"))
on(chats, "renamed", ({ id, title }) => { if (id === session.chat?.id) rename(title); watch.tell() })
on(chats, "deleted", ({ id }) => { watch.tell(); if (id === session.chat?.id) location.assign(api.homePage) })
for (const { element, text } of examples) on(element, "click", () => composer.suggest(text, examples.map(example => example.text)))
addEventListener("pagehide", () => session.detach())

rememberTimeZone()
if (matchMedia("(hover: hover)").matches) composer.focus()
session.resume()
composer.open()

// The chat list as it is now, and this chat if somebody else has gone on with it.
async function look() {
  const isNew = await chats.refresh()
  session.tryNow({ polite: true })
  const row = chats.rows.find(({ id }) => id === session.chat?.id)
  if (row && row.title !== $("chat-title").textContent) rename(row.title)
  if (row && row.updatedAt !== session.chat.updatedAt) await session.sync()
  return isNew
}

function wake() {
  session.wake()
  session.tryNow({ polite: true })
}

function enter(chat) {
  history.replaceState(null, "", api.pageOfChat(chat.id))
  rename(chat.title)
  chats.put(chat)
  chats.current = chat.id
  watch.tell()
}

function rename(title) {
  setText($("chat-title"), title)
  document.title = `${title} · Macrochat`
}

function startAfresh() {
  if (session.chat) location.assign(api.homePage)
  else composer.focus()
}

function on(target, type, act) {
  target?.addEventListener(type, event => act(event.detail ?? {}, event))
}
