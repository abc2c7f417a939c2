// Everything the renderer may ever put into the page: element, attribute, and what its value must look like.
const LINK = {
  href: /^(?:https?:\/\/[^/]|mailto:)/,
  rel: /^noopener noreferrer nofollow$/,
  target: /^_blank$/,
  class: /^image-link$/,
  dir: /^ltr$/,
}
const AUTO = { dir: /^auto$/ }
const CELL = { class: /^align-(?:left|center|right)$/ }
const ALLOWED = {
  p: {}, h1: {}, h2: {}, h3: {}, h4: {}, h5: {}, h6: {}, blockquote: AUTO, ul: AUTO, hr: {}, br: {}, strong: {}, em: {}, s: {},
  code: {}, table: {}, thead: {}, tbody: {}, tr: {}, th: CELL, td: CELL, a: LINK,
  ol: { start: /^\d{1,9}$/, dir: /^auto$/ },
  li: { class: /^task$/ },
  input: { type: /^checkbox$/, disabled: /^$/, checked: /^$/, "aria-label": /^(?:Done|To do)$/ },
  pre: { tabindex: /^0$/ },
  button: { type: /^button$/, class: /^code-copy$/, "aria-label": /^Copy code$/ },
  div: {
    class: /^(?:code-block|code-header|table-scroll)$/,
    "data-language": /^[\w+#.-]{1,30}$/, tabindex: /^0$/, role: /^region$/, dir: /^(?:ltr|auto)$/, "aria-label": /^Table$/,
  },
  span: { class: /^(?:math|link-host|code-language|code-lines|text-lines|code-(?:comment|keyword|string|number|title|type|name|added|removed))$/ },
}
const REQUIRED = { a: ["href", "rel", "target"], input: ["disabled"], button: ["type"] }

/** What under `root` is not allowed, as sentences. */
export function violations(root) {
  return [...root.querySelectorAll("*")].flatMap((element) => {
    const name = element.localName
    const allowed = ALLOWED[name]
    if (!allowed || element.namespaceURI !== "http://www.w3.org/1999/xhtml") return [`element ${name}`]
    const wrong = [...element.attributes].filter((attribute) => !allowed[attribute.name]?.test(attribute.value))
    const missing = (REQUIRED[name] ?? []).filter((attribute) => !element.hasAttribute(attribute))
    return [...wrong.map((attribute) => `${name} ${attribute.name}="${attribute.value}"`), ...missing.map((attribute) => `${name} without ${attribute}`)]
  })
}

/** Links whose real destination a reader could not see. */
export function unnamed(root) {
  return [...root.querySelectorAll("a")].flatMap((link) => {
    const { host, protocol, pathname } = new URL(link.href)
    const real = (protocol === "mailto:" ? pathname : host).slice(-80)
    const shown = link.textContent + (link.nextElementSibling?.className === "link-host" ? link.nextElementSibling.textContent : "")
    return shown.includes(real) ? [] : [link.outerHTML]
  })
}
