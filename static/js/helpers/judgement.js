export const FINAL_STATUSES = new Set(["complete", "stopped", "failed", "interrupted"])

export function isFinal(status) {
  return FINAL_STATUSES.has(status)
}

// What we hold against what the server says it has committed.
//   running  the reply goes on: read from where we are
//   behind   it is over and there is more than we have
//   torn     ours is longer, or of the same length but other bytes: read again from the start
//   whole    it is over and ours is all of it
export function judge(server, { bytes, sha256 }) {
  if (!isFinal(server.status)) return server.bytes < bytes ? "torn" : "running"
  if (server.bytes > bytes) return "behind"
  if (server.bytes < bytes) return "torn"
  const comparable = sha256 !== null && server.sha256
  return comparable && sha256 !== server.sha256 ? "torn" : "whole"
}
