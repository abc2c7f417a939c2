import assert from "node:assert/strict"
import { test } from "node:test"
import { Reveal, graphemeBorder } from "../../static/js/markdown/pace.js"

const PROMISED_MS = 400

for (const interval of [16, 33, 220]) {
  test(`looking every ${interval} ms, nothing is ever more than 400 ms late`, () => {
    const reveal = new Reveal()
    const arrivals = []
    let total = 0
    for (let now = 0; now < 10_000; now += 1) {
      if (now % 7 === 0 && now < 9000 && Math.floor(now / 1000) % 3 !== 2) {
        total += now % 5000 === 0 ? 3000 : 12
        reveal.arrive(total, now)
        arrivals.push({ total, now })
      }
      if (now % interval !== 0) continue
      const visible = reveal.visible(now, interval)
      while (arrivals.length && arrivals[0].total <= visible) arrivals.shift()
      if (arrivals.length) assert.ok(now + interval - arrivals[0].now <= PROMISED_MS, `at ${now}`)
    }
    assert.equal(arrivals.length, 0)
  })
}

test("text comes smoothly, not all in one piece", () => {
  const reveal = new Reveal()
  reveal.arrive(100, 0)
  const steps = [16, 32, 48, 64].map((now) => reveal.visible(now, 16))
  assert.ok(steps[0] > 0 && steps[3] < 100)
  assert.deepEqual(steps, [...steps].sort((one, other) => one - other))
})

test("after a pause new text is not late at once", () => {
  const reveal = new Reveal()
  reveal.arrive(10, 0)
  reveal.visible(1000)
  reveal.arrive(110, 5000)
  assert.ok(reveal.visible(5016) < 60)
})

test("showing all forgets the backlog", () => {
  const reveal = new Reveal()
  reveal.arrive(1000, 0)
  assert.equal(reveal.showAll(), 1000)
  assert.equal(reveal.visible(1), 1000)
})

test("a border never falls inside what a reader sees as one character", () => {
  const family = "👨‍👩‍👧‍👦"
  const text = `ae\u0301${family}🇩🇪z`
  const borders = new Set([0, 1, 3, 3 + family.length, 3 + family.length + 4, text.length])
  for (let target = 0; target <= text.length; target += 1) {
    const border = graphemeBorder(text, 0, target)
    assert.ok(borders.has(border) && border <= target, `${target} gives ${border}`)
  }
})
