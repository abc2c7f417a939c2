import assert from "node:assert/strict"
import test from "node:test"
import { dayGroup, groupByDay } from "../../static/js/helpers/dates.js"

const now = new Date(2026, 2, 10, 1, 0)
const group = (...date) => dayGroup(new Date(...date), now, "en-GB")

test("W39: goes by calendar days, not by 24 hours", () => {
  assert.equal(group(2026, 2, 10, 0, 30), "Today")
  assert.equal(group(2026, 2, 9, 23, 0), "Yesterday")
  assert.equal(group(2026, 2, 9, 0, 0), "Yesterday")
  assert.equal(group(2026, 2, 8, 23, 59), "2 days ago")
})

test("names days up to six days ago, then the date", () => {
  assert.equal(group(2026, 2, 4, 12), "6 days ago")
  assert.equal(group(2026, 2, 3, 12), "3 March 2026")
})

test("takes a clock that runs ahead for today", () => {
  assert.equal(group(2026, 2, 12), "Today")
})

test("counts days right where a day has 23 or 25 hours", () => {
  const zone = process.env.TZ
  process.env.TZ = "Europe/Berlin"
  assert.equal(dayGroup(new Date(2026, 2, 28, 12), new Date(2026, 2, 30, 12)), "2 days ago")
  assert.equal(dayGroup(new Date(2026, 9, 24, 12), new Date(2026, 9, 26, 12)), "2 days ago")
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

test("groups neighbours and keeps their order", () => {
  const row = (id, ...date) => ({ id, updatedAt: new Date(...date).toISOString() })
  const groups = groupByDay([row("a", 2026, 2, 10), row("b", 2026, 2, 9, 20), row("c", 2026, 2, 9, 3)], now)
  assert.deepEqual(groups.map(({ title, rows }) => [title, rows.map(({ id }) => id).join("")]), [["Today", "a"], ["Yesterday", "bc"]])
})
