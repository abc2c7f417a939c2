// Promise.withResolvers, for browsers from before it.
export function withResolver() {
  let resolve
  const promise = new Promise(settle => { resolve = settle })
  return { promise, resolve }
}
