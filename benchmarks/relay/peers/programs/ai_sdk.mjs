// The relay of the AI SDK's own example for Node's HTTP server: streamText, as a text stream to the response.
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";

const [port, baseURL] = process.argv.slice(2);
const provider = createOpenAICompatible({ name: "bench", baseURL, apiKey: "sk-bench", includeUsage: true });

const server = createServer(async (request, response) => {
  const { model, messages } = await json(request);
  const left = new AbortController();
  response.on("close", () => left.abort());
  const options = { model: provider(model), messages, maxRetries: 0, abortSignal: left.signal, onError: () => {} };
  streamText(options).pipeTextStreamToResponse(response);
});

server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
