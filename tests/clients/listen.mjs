// Readers of our event streams: EventSource for Node, and the one of Microsoft that can POST.

import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";
import { obey, options, tell, watchedFetch } from "./lines.mjs";

// The second one was written for browsers.
globalThis.window = globalThis;
globalThis.document = new EventTarget();

const { headers } = options;

await obey({
  open: ({ url }) => {
    const source = new EventSource(url, {
      fetch: (input, init) => {
        tell({ from: init.headers["Last-Event-ID"] ?? null });
        return fetch(input, { ...init, headers: { ...init.headers, ...headers } });
      },
    });
    source.addEventListener("delta", ({ data, lastEventId }) => tell({ delta: JSON.parse(data).text, id: lastEventId }));
    for (const end of ["done", "error"]) {
      source.addEventListener(end, ({ data, lastEventId }) => {
        if (!data) return tell({ trouble: end });
        source.close();
        tell({ end, id: lastEventId, about: JSON.parse(data) });
      });
    }
  },
  post: ({ url, body }) =>
    fetchEventSource(url, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      openWhenHidden: true,
      fetch: (input, init) => {
        tell({ from: init.headers["last-event-id"] ?? null });
        return watchedFetch(input, init);
      },
      onmessage: ({ event, id, data }) => {
        if (event === "delta") tell({ delta: JSON.parse(data).text, id });
        else if (event) tell({ end: event, id, about: JSON.parse(data) });
      },
      onerror: () => {
        tell({ trouble: "error" });
        return 50; // milliseconds until it tries again
      },
    }),
});
