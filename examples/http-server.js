// A small HTTP service on a pool over a real file.
//
//   npm run example                                  then open http://localhost:3000
//   PORT=8080 DATABASE=/tmp/users.db npm run example

import { createServer } from "node:http";
import {
  HealthMonitor,
  healthHandler,
  openPool,
  poolHealthCheck,
  SqliteError,
} from "sqlite-wasm-pool";

const port = Number(process.env.PORT ?? 3000);
const database = process.env.DATABASE ?? "users.db";

const pool = await openPool(database, { maxConnections: 5, name: "users" });
await pool.executeScript(`
  CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    email TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL DEFAULT current_timestamp
  ) STRICT;
`);

const monitor = new HealthMonitor();
monitor.register(poolHealthCheck(pool));
const health = healthHandler(monitor, { path: "/health" });

/** The live page: the pool's numbers, once a second. */
const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Users on a pool</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
  dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; }
  dl div { border: 1px solid #8886; border-radius: .5rem; padding: .5rem .75rem; }
  dt { font-size: .8rem; opacity: .7; } dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
  form { display: flex; gap: .5rem; flex-wrap: wrap; } input { flex: 1; min-width: 10rem; }
  input, button { font: inherit; padding: .4rem .6rem; } output { display: block; min-height: 1.5em; }
</style>
<h1>Users on a pool</h1>
<dl id="numbers"></dl>
<h2>Add a user</h2>
<form>
  <input name="name" placeholder="Name" aria-label="Name" required maxlength="100">
  <input name="email" type="email" placeholder="E-mail" aria-label="E-mail" required>
  <button>Add</button>
</form>
<output></output>
<ul id="users"></ul>
<script type="module">
  const shown = ["active", "idle", "total", "max", "waiting", "threads", "queries", "rows", "errors"];
  const numbers = document.querySelector("#numbers");
  const users = document.querySelector("#users");
  const output = document.querySelector("output");
  const box = (label, value) => {
    const div = document.createElement("div");
    const dt = document.createElement("dt");
    const dd = document.createElement("dd");
    dt.textContent = label;
    dd.textContent = value;
    div.append(dt, dd);
    return div;
  };
  new EventSource("/events").onmessage = ({ data }) => {
    const stats = JSON.parse(data);
    const times = [["query p50, ms", stats.queryTime.p50.toFixed(2)], ["query p99, ms", stats.queryTime.p99.toFixed(2)]];
    numbers.replaceChildren(...shown.map((name) => box(name, stats[name])), ...times.map(([label, value]) => box(label, value)));
  };
  const list = async () => {
    const rows = await (await fetch("/users")).json();
    users.replaceChildren(...rows.map(({ name, email }) => {
      const item = document.createElement("li");
      item.textContent = name + " <" + email + ">";
      return item;
    }));
  };
  document.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = JSON.stringify(Object.fromEntries(new FormData(event.target)));
    const response = await fetch("/users", { method: "POST", headers: { "content-type": "application/json" }, body });
    const answer = await response.json();
    output.textContent = response.ok ? "Added as number " + answer.id + "." : answer.error;
    if (response.ok) event.target.reset();
    await list();
  });
  await list();
</script>
`;

/** @type {Record<string, (request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => Promise<void>>} */
const routes = {
  "GET /": async (_request, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(PAGE);
  },
  "GET /users": async (_request, response) => {
    const users = await pool.query(
      "SELECT id, name, email, created FROM users ORDER BY id DESC LIMIT 100",
    );
    sendJson(response, 200, users);
  },
  "POST /users": async (request, response) => {
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
  "GET /stats": async (_request, response) => sendJson(response, 200, pool.stats()),
  "GET /events": async (request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    const send = () => response.write(`data: ${JSON.stringify(pool.stats())}\n\n`);
    send();
    const timer = setInterval(send, 1000);
    request.on("close", () => clearInterval(timer));
  },
};

const server = createServer(async (request, response) => {
  try {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const answer = await health(
      new Request(new URL(pathname, "http://localhost"), { method: request.method ?? "GET" }),
    );
    if (answer !== undefined) {
      response
        .writeHead(answer.status, Object.fromEntries(answer.headers))
        .end(await answer.text());
      return;
    }
    const route = routes[`${request.method} ${pathname}`];
    if (route === undefined)
      throw new HttpError(404, `nothing is at ${request.method} ${pathname}`);
    await route(request, response);
  } catch (thrown) {
    const { status, message } = describe(thrown);
    if (response.headersSent) response.destroy();
    else sendJson(response, status, { error: message });
  }
});

server.listen(port, () => {
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`http://localhost:${address.port} serves ${database}`);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    server.closeAllConnections();
    server.close();
    await pool.close();
  });
}

class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * What the client is told: its own mistakes in full, ours only as such.
 * @param {unknown} thrown
 */
function describe(thrown) {
  if (thrown instanceof HttpError) return { status: thrown.status, message: thrown.message };
  if (thrown instanceof SqliteError && thrown.code.startsWith("SQLITE_CONSTRAINT")) {
    const taken = thrown.code === "SQLITE_CONSTRAINT_UNIQUE";
    return taken
      ? { status: 409, message: "there is a user with this e-mail already" }
      : { status: 400, message: thrown.message };
  }
  console.error(thrown);
  return { status: 500, message: "the server failed" };
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {unknown} body
 */
function sendJson(response, status, body) {
  // The default integer mode yields bigints beyond 2^53, which JSON lacks.
  const text = JSON.stringify(body, (_key, value) =>
    typeof value === "bigint" ? String(value) : value,
  );
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(text);
}

/** @param {import("node:http").IncomingMessage} request */
async function readJson(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > 100_000) throw new HttpError(413, "the request is too large");
  }
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    throw new HttpError(400, "the request is not JSON");
  }
}
