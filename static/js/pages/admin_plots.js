import uPlot from "../../vendor/uplot/uPlot.js"

const HEIGHT = 150
const SERIES = {
  tokens: [["tokens/s", "tokensPerSecond"]],
  streams: [["replies", "activeStreams"]],
  waits: [["median", "firstByteP50Ms"], ["95 %", "firstByteP95Ms"]],
  errors: [["errors", "errors"]],
}

// The plots of the last hour. A canvas knows no CSS: its colours are read from elements that have them.
export class Plots {
  #places
  #history
  #plots = []

  constructor(places, history) {
    this.#places = [...places]
    this.#history = history
    this.#draw()
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw())
    const watch = new ResizeObserver(() => this.#fit())
    for (const place of this.#places) watch.observe(place)
  }

  show(history) {
    this.#history = history
    this.#plots.forEach((plot, at) => plot.setData(this.#dataOf(this.#places[at])))
  }

  #draw() {
    for (const plot of this.#plots) plot.destroy()
    this.#plots = this.#places.map(place => new uPlot(optionsOf(place), this.#dataOf(place), place))
  }

  #fit() {
    this.#plots.forEach((plot, at) => {
      const width = this.#places[at].clientWidth
      if (width !== plot.width) plot.setSize({ width, height: HEIGHT })
    })
  }

  #dataOf(place) {
    const { from, step } = this.#history
    const names = SERIES[place.dataset.plot].map(([, name]) => name)
    const times = this.#history[names[0]].map((_value, minute) => from + minute * step)
    return [times, ...names.map(name => this.#history[name])]
  }
}

function optionsOf(place) {
  const lines = SERIES[place.dataset.plot]
  const axis = { stroke: colorOf(place, "text"), grid: { stroke: colorOf(place, "line"), width: 1 }, ticks: { show: false }, font: "11px Inter, sans-serif" }
  return {
    width: place.clientWidth,
    height: HEIGHT,
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, (most ?? 0) * 1.1)] } },
    axes: [{ ...axis, size: 28, space: 60, values: (_plot, moments) => moments.map(clock) }, { ...axis, size: 44, space: 28 }],
    series: [
      { label: "at", value: (_plot, moment) => moment == null ? "–" : clock(moment) },
      ...lines.map(([label], at) => {
        const color = colorOf(place, at + 1)
        return { label, stroke: color, width: 1.75, spanGaps: true, points: { show: place.dataset.plot === "waits", size: 5, fill: color }, value: (_plot, value) => value == null ? "–" : String(value) }
      }),
    ],
  }
}

function clock(moment) {
  return new Date(moment * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
}

function colorOf(place, name) {
  const probe = document.createElement("span")
  probe.className = `plot-color-${name}`
  place.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
