// The page's <meta name="macrochat-routes"> holds URL templates such as "/api/chats/{chat}".
export function routesOf(document) {
  return JSON.parse(document.querySelector("meta[name=macrochat-routes]").content)
}

export function fill(template, values = {}, query = {}) {
  const path = template.replace(/\{(\w+)\}/g, (_, name) => {
    if (values[name] === undefined || values[name] === null) throw new TypeError(`${template} needs ${name}`)
    return encodeURIComponent(values[name])
  })
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "")
  return given.length ? `${path}?${new URLSearchParams(given)}` : path
}
