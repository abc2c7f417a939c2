// Server-sent events out of bytes, cut anywhere. Each is { name, id, data } with data parsed; what is no JSON is passed over.
export class EventStreamParser {
  #decoder = new TextDecoder()
  #rest = ""
  #event = fresh()

  // The events that these bytes complete. (Comments are signs of life only: who feeds the bytes has seen them.)
  feed(bytes) {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n")
    this.#rest = lines.pop()
    return lines.flatMap(line => this.#line(line.endsWith("\r") ? line.slice(0, -1) : line))
  }

  #line(line) {
    if (line === "") return this.#dispatch()
    const colon = line.indexOf(":")
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1)
    if (name === "event") this.#event.name = value
    else if (name === "id") this.#event.id = value
    else if (name === "data") this.#event.lines.push(value)
    return []
  }

  #dispatch() {
    const { name, id, lines } = this.#event
    this.#event = fresh()
    if (lines.length === 0) return []
    try {
      return [{ name, id, data: JSON.parse(lines.join("\n")) }]
    } catch {
      return []
    }
  }
}

function fresh() {
  return { name: "message", id: "", lines: [] }
}

// `<bytes of text>.<bytes of trace>`; servers without traces send the first alone.
export function readCursor(id) {
  const [text, trace = "0"] = id.split(".")
  return { text: Number(text), trace: Number(trace) }
}
