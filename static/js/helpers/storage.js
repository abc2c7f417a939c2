// Reading `localStorage` itself throws where a browser forbids it; this stands in, and forgets when the page goes.
export function safeStorage(scope = globalThis, kind = "localStorage") {
  try {
    scope[kind].length
    return scope[kind]
  } catch {
    return { getItem: () => null, setItem() {}, removeItem() {} }
  }
}

// What people leave in the browser (drafts, messages on their way) has a name of this form; nothing else has.
export function privateName(kind, user, name) {
  return `macrochat-${kind}:${user}:${name}`
}

const PRIVATE = /^macrochat-\w+:([^:]*):/

// Takes away what anybody has left here, or anybody but one.
export function forgetPeople(storage, { but = null } = {}) {
  try {
    for (const name of Object.keys(storage)) {
      const owner = PRIVATE.exec(name)?.[1]
      if (owner !== undefined && owner !== but) storage.removeItem(name)
    }
  } catch {
    // What may not be read was not written either.
  }
}
