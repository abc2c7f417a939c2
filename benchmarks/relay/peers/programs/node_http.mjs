// A bare Node proxy: the standard library's server and client, bytes piped from one to the other.
import http from "node:http";

const [port, upstream] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });

const server = http.createServer((request, response) => {
  const { "content-type": type, "content-length": length } = request.headers;
  const options = { method: "POST", agent, headers: { "content-type": type, "content-length": length } };
  const asked = http.request(new URL("chat/completions", `${upstream}/`), options, (answer) => {
    response.writeHead(answer.statusCode, { "content-type": answer.headers["content-type"] });
    answer.pipe(response);
  });
  asked.on("error", () => response.destroy());
  response.on("close", () => asked.destroy());
  request.pipe(asked);
});

server.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
