// A small HTTP service on a pool over a real file.
//
//   npm run example                                  then open http://localhost:3000
//   PORT=8080 DATABASE=/tmp/users.db npm run example

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";
import { HealthMonitor, openPool, poolHealthCheck } from "sqlite-wasm-pool";

/** @import { IncomingMessage, ServerResponse } from "node:http" */
/** @typedef {(request: IncomingMessage, response: ServerResponse) => void | Promise<void>} Handler */
/** @typedef {Record<string, string>} Fields */

/** What is in flight when the process is told to end has this long: `docker stop` kills after 10 s. */
const GRACE_MS = 4_000;
const MOST_BODY_CHARS = 100_000;

const { PORT = "3000", DATABASE = "users.db" } = process.env;
if (!/^\d+$/.test(PORT) || Number(PORT) > 65_535) {
  exit(new RangeError(`PORT must be a number from 0 to 65535, not "${PORT}"`));
}

// From here on, so that a signal that comes while the pool is opened does not end the process without
// closing it. Further ones change nothing: the end takes a few seconds at most.
const stopped = new Promise((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, resolve);
});

const page = await readFile(new URL("http-server.html", import.meta.url));
const pool = await openPool(DATABASE, {
  name: "users",
  maxConnections: 5,
  // Under overload a quick "come back later" serves clients better than a wait that they give up.
  maxWaiters: 100,
  acquireTimeout: 5_000,
}).catch(exit);

const monitor = new HealthMonitor();
monitor.register(poolHealthCheck(pool));

/** By path and method. @type {Record<string, Record<string, Handler>>} */
const routes = {
  "/": {
    GET: (_request, response) => send(response, 200, page, { "content-type": "text/html" }),
  },
  "/users": {
    GET: async (_request, response) => {
      const users = await pool.query(
        "SELECT id, name, email, created FROM users ORDER BY id DESC LIMIT 100",
      );
      sendJson(response, 200, users);
    },
    POST: async (request, response) => {
      const { name, email } = await readJson(request);
      if (typeof name !== "string" || typeof email !== "string") {
        throw new HttpError(400, "a user has a name and an email, both text");
      }
      const { lastInsertRowid: id } = await pool.execute(
        "INSERT INTO users (name, email) VALUES (:name, :email)",
        { name, email },
      );
      sendJson(response, 201, { id });
    },
  },
  "/health": {
    GET: async (_request, response) => {
      const report = await monitor.checkHealth();
      sendJson(response, report.status === "unhealthy" ? 503 : 200, report);
    },
  },
  "/stats": {
    GET: (_request, response) => sendJson(response, 200, pool.stats()),
  },
  "/events": {
    GET: (request, response) => {
      const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
      // An ended stream must not leave an idle connection behind, which the server would wait for.
      response.writeHead(200, { ...headers, connection: "close" });
      if (request.method === "HEAD" || !server.listening) return void response.end();
      response.write(statsEvent());
      streams.add(response);
      response.on("close", () => streams.delete(response));
    },
  },
};

/** The pages that watch the pool's numbers. @type {Set<ServerResponse>} */
const streams = new Set();
const statsEvent = () => `data: ${JSON.stringify(pool.stats())}\n\n`;
setInterval(() => {
  // A page that does not keep up misses numbers, rather than having them pile up here.
  for (const stream of streams) if (!stream.writableNeedDrain) stream.write(statsEvent());
}, 1000).unref();

/** @type {Handler} */
async function handle(request, response) {
  try {
    const { method = "", url = "" } = request;
    const path = pathOf(url);
    const route = routes[path];
    if (route === undefined) throw new HttpError(404, `nothing is at ${path}`);
    // Node leaves out the body of an answer to HEAD.
    const handler = route[method === "HEAD" ? "GET" : method];
    if (handler === undefined) {
      const allow = Object.keys(route).join(", ").replace("GET", "GET, HEAD");
      throw new HttpError(405, `${path} takes ${allow}`, { allow });
    }
    await handler(request, response);
  } catch (thrown) {
    const { status, message, headers } = toHttpError(thrown);
    if (response.headersSent) response.destroy();
    else sendJson(response, status, { error: message }, headers);
  }
}

/** @param {string} target */
function pathOf(target) {
  // By itself, "//x/users" would name the host x.
  const url = target.startsWith("/") ? `http://localhost${target}` : target;
  if (!URL.canParse(url)) throw new HttpError(400, `"${target}" is not a path`);
  return new URL(url).pathname;
}

class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {Fields} headers
   */
  constructor(status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/**
 * What the client is told: its own mistakes in full, ours only as such.
 * @param {unknown} thrown
 */
function toHttpError(thrown) {
  if (thrown instanceof HttpError) return thrown;
  const { code, message } = /** @type {Error & { code?: string }} */ (thrown);
  switch (code) {
    case "SQLITE_CONSTRAINT_UNIQUE":
      return new HttpError(409, "there is a user with this e-mail already");
    case "SQLITE_CONSTRAINT_CHECK":
      return new HttpError(400, message);
    case "ECONNRESET": // the client has gone: nothing of ours has failed
      return new HttpError(400, "the request ended early");
    case "POOL_EXHAUSTED":
    case "ACQUIRE_TIMEOUT":
    case "SQLITE_BUSY":
    case "POOL_CLOSED":
    case "SQLITE_INTERRUPT": // by the closing of the pool
      return new HttpError(503, "the server is busy, try again", { "retry-after": "1" });
  }
  console.error(thrown);
  return new HttpError(500, "the server failed");
}

/** @type {(response: ServerResponse, status: number, body: string | Uint8Array, headers: Fields) => void} */
function send(response, status, body, headers) {
  // A client that is told can open its next connection elsewhere, to a server that goes on.
  if (!server.listening) response.setHeader("connection", "close");
  response.writeHead(status, { "content-length": Buffer.byteLength(body), ...headers }).end(body);
}

/** @type {(response: ServerResponse, status: number, body: unknown, headers?: Fields) => void} */
function sendJson(response, status, body, headers = {}) {
  // The default integer mode yields bigints beyond 2^53, which JSON lacks.
  const text = JSON.stringify(body, (_key, value) =>
    typeof value === "bigint" ? String(value) : value,
  );
  const usual = { "content-type": "application/json", "cache-control": "no-store" };
  send(response, status, text, { ...usual, ...headers });
}

/** @param {IncomingMessage} request */
async function readJson(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > MOST_BODY_CHARS) {
      // No further request can be read behind what is left of this one.
      throw new HttpError(413, "the request is too large", { connection: "close" });
    }
  }
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    throw new HttpError(400, "the request is not JSON");
  }
}

/** @type {(error: Error) => never} */
function exit({ message }) {
  console.error(message);
  process.exit(1);
}

const server = createServer(handle);
try {
  await pool.executeScript(`
    CREATE TABLE IF NOT EXISTS users (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
      email TEXT NOT NULL UNIQUE,
      created TEXT NOT NULL DEFAULT current_timestamp
    ) STRICT;
  `);
  await once(server.listen(PORT), "listening");
} catch (error) {
  await pool.close();
  exit(/** @type {Error} */ (error));
}
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
console.log(`http://localhost:${port} serves ${DATABASE}`);

await stopped;
const closed = once(server.close(), "close");
for (const stream of streams) stream.end();
streams.clear();
await Promise.race([closed, setTimeout(GRACE_MS, undefined, { ref: false })]);
// The pool before the connections: requests whose statements it interrupts still get their answer.
await pool.close({ timeout: 0 });
server.closeAllConnections();
