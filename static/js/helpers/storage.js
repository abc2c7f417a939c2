// Reading `localStorage` itself throws where a browser forbids it; this stands in, and forgets when the page goes.
export function safeStorage(scope = globalThis) {
  try {
    scope.localStorage.length
    return scope.localStorage
  } catch {
    return { getItem: () => null, setItem() {}, removeItem() {} }
  }
}
