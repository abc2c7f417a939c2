// A program under a test: it is told what to do in JSON lines, and tells in JSON lines what happens.

import { createInterface } from "node:readline";

export const options = JSON.parse(process.argv[2]);

export function tell(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

// `actions` by name; each is called with the rest of its line. What one throws is told.
export async function obey(actions) {
  tell({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const { action, ...details } = JSON.parse(line);
    Promise.resolve()
      .then(() => actions[action](details))
      .then(
        () => tell({ done: action }),
        (error) => tell({ thrown: action, error: String(error) }),
      );
  }
  process.exit(0);
}

// A fetch that tells what was asked and how it was answered.
export async function watchedFetch(url, init = {}) {
  const response = await fetch(url, init);
  const { pathname, search } = new URL(url);
  tell({
    asked: `${init.method ?? "GET"} ${pathname}${search}`,
    body: init.body ? JSON.parse(init.body) : null,
    status: response.status,
    replyId: response.headers.get("x-reply-id"),
    replayed: response.headers.get("idempotent-replayed"),
  });
  return response;
}
