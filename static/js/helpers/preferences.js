const YEAR_S = 365 * 24 * 3600

// Kept as cookies, so that the server's first byte of HTML has them already and nothing flashes.
export function remember(name, value, document = globalThis.document) {
  document.cookie = `macrochat_${name}=${encodeURIComponent(value)}; Path=/; Max-Age=${YEAR_S}; SameSite=Lax`
}

export function rememberTimeZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  if (zone) remember("tz", zone)
}
