export function concatBytes(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

// null where the page is not a secure context (http:// on a home network): there is no SubtleCrypto then.
export async function sha256Hex(bytes, subtle = globalThis.crypto?.subtle) {
  if (!subtle) return null
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes))
  return Array.from(digest, byte => byte.toString(16).padStart(2, "0")).join("")
}
