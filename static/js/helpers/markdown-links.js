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

/** Where a link really leads, as ASCII: the host (punycode, so look-alike letters show) or the mail address. */
export function destination(url) {
  const name = url.protocol === "mailto:" ? url.pathname : url.host
  return name.length > LONGEST_DESTINATION ? `${name.slice(0, LONGEST_DESTINATION)}…` : name
}

/** Whether a link's own text already begins with its destination, so that nothing needs to be added. */
export function namesDestination(text, url) {
  const shown = text.trim().replace(/^(https?:\/\/|mailto:)/i, "")
  const real = destination(url)
  if (!real || shown.slice(0, real.length).toLowerCase() !== real.toLowerCase()) return false
  const next = shown[real.length]
  return next === undefined || "/?#".includes(next)
}
