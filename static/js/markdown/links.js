const SCHEMES = new Set(["http:", "https:", "mailto:"])
const LONGEST_DESTINATION = 80

/**
 * The absolute URL a link may lead to, or null. Relative addresses are refused too: model output has no business
 * with our own routes.
 */
export function safeUrl(href) {
  let url
  try {
    url = new URL(href)
  } catch {
    return null
  }
  if (!SCHEMES.has(url.protocol)) return null
  if (url.protocol !== "mailto:" && !url.host) return null
  return url
}

/**
 * Where a link really leads, as ASCII: the host (punycode, so look-alike letters show) or all mail addresses. Of a very
 * long one the end: who owns a host stands there.
 */
export function destination(url) {
  const name = url.protocol === "mailto:" ? recipients(url) : url.host
  return name.length > LONGEST_DESTINATION ? `…${name.slice(-LONGEST_DESTINATION)}` : name
}

/**
 * Whether a link's own text already begins with its destination, so that nothing needs to be added. In the same letters:
 * a capital I in the text could pass for the l of another host.
 */
export function namesDestination(text, url) {
  const shown = text.trim().replace(/^(https?:\/\/|mailto:)/i, "")
  const real = destination(url)
  if (!real || !shown.startsWith(real)) return false
  const next = shown[real.length]
  return next === undefined || "/?#".includes(next)
}

/** The addresses of a mail link; some may stand behind the question mark. */
function recipients(url) {
  const more = [...url.searchParams].filter(([name]) => /^(?:to|cc|bcc)$/i.test(name)).map(([, address]) => address)
  return [url.pathname, ...more].filter(Boolean).join(",").replace(/[^\x21-\x7e]/gu, (letter) => encodeURIComponent(letter))
}
