import { cloneTemplate, setText } from "../helpers/dom.js"
import { rememberTimeZone } from "../helpers/preferences.js"
import { routesOf } from "../helpers/routes.js"
import { sentenceFor } from "../helpers/sentences.js"
import { ApiClient } from "../models/api_client.js"
import { Toasts } from "../models/toasts.js"
import { Plots } from "./admin_plots.js"

const REFRESH_MS = 2000

const $ = id => document.getElementById(id)
const api = new ApiClient({ routes: routesOf(document) })
const toasts = new Toasts($("toasts"))
const plots = new Plots(document.querySelectorAll("[data-plot]"), JSON.parse($("main").dataset.history))

rememberTimeZone()
$("streams").addEventListener("click", event => stop(event.target.closest("[data-action=stop]")))
document.addEventListener("visibilitychange", () => document.hidden || refresh())
let timer = setTimeout(refresh, REFRESH_MS)
let asking = false

// One question at a time, none while nobody looks; what has not changed is not touched.
async function refresh() {
  if (asking) return
  asking = true
  clearTimeout(timer)
  try {
    show(await api.readOverview())
    tellState("live", "Live")
  } catch (error) {
    tellState("stale", sentenceFor(error))
  }
  asking = false
  if (!document.hidden) timer = setTimeout(refresh, REFRESH_MS)
}

function show({ live, history, providers }) {
  tell("streams", live.total)
  tell("tokens", history.tokensPerSecond.at(-1))
  tell("replies", sum(history.replies))
  tell("errors", sum(history.errors))
  plots.show(history)
  showStreams(live.streams)
  $("no-streams").hidden = live.total > 0
  for (const provider of providers) showProvider(provider)
}

function showStreams(streams) {
  const known = new Map([...$("streams").children].map(row => [row.dataset.id, row]))
  for (const stream of streams) {
    const row = known.get(stream.id) ?? newRow(stream)
    known.delete(stream.id)
    setText(cell(row, "age"), `${stream.seconds} s`)
    setText(cell(row, "bytes"), String(stream.bytes))
    setText(cell(row, "readers"), String(stream.readers))
    if (stream.stopping) row.querySelector("button").disabled = true
  }
  for (const row of known.values()) row.remove()
}

function newRow(stream) {
  const row = cloneTemplate("stream-template")
  row.dataset.id = stream.id
  cell(row, "who").textContent = stream.email
  cell(row, "model").textContent = stream.model
  row.querySelector("button").setAttribute("aria-label", `Stop the reply to ${stream.email}`)
  $("streams").append(row)
  return row
}

function showProvider({ name, reachable, state }) {
  const row = [...$("providers").children].find(item => item.dataset.name === name)
  if (!row) return
  row.dataset.reachable = reachable ? "yes" : "no"
  setText(row.querySelector(".admin-row-state"), reachable ? "answers" : state)
}

async function stop(button) {
  if (!button) return
  button.disabled = true
  try {
    await api.stopAnyReply(button.closest("tr").dataset.id)
    refresh()
  } catch (error) {
    button.disabled = false
    toasts.show(sentenceFor(error), "error")
  }
}

function tellState(state, text) {
  $("admin-state").dataset.state = state
  setText($("admin-state").querySelector(".admin-state-text"), text)
}

function tell(tile, value) {
  setText(document.querySelector(`[data-tile=${tile}]`), String(value))
}

function cell(row, name) {
  return row.querySelector(`[data-cell=${name}]`)
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0)
}
