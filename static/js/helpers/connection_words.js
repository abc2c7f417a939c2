const REASONS = {
  thinking: ["The model is thinking", "calm"],
  stuck: ["The connection is stuck, connecting again", "warn"],
  away: ["The server does not answer", "bad"],
}

// One line about the connection, or an empty one: { text, countdown, tone, canTry }.
export function connectionWords({ health, reason, retryCount, maxRetries, isRecovering, waitsFor, exhausted, offline, queued, busy }) {
  if (offline && (queued || isRecovering || exhausted)) {
    return { text: queued ? "Waiting for the network. Your message goes out when it is back" : "Waiting for the network", countdown: "", tone: "warn", canTry: false }
  }
  if (exhausted) return { text: "The connection is lost", countdown: "", tone: "bad", canTry: true }
  if (isRecovering) {
    const seconds = Math.max(0, Math.ceil(waitsFor / 1000))
    return { text: `${busy ? "The server is busy, trying again" : "Reconnecting"} (${retryCount} of ${maxRetries})`, countdown: seconds ? `, in ${seconds} s` : "", tone: "warn", canTry: true }
  }
  if (health !== "healthy" && REASONS[reason]) {
    const [text, tone] = REASONS[reason]
    return { text, countdown: "", tone, canTry: reason === "away" }
  }
  if (health !== "healthy") return { text: "No words for a while, asking the server", countdown: "", tone: "calm", canTry: false }
  return { text: "", countdown: "", tone: "calm", canTry: false }
}
