import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useDirectory } from "./helpers/kinds.ts";
import { nativeValue } from "./helpers/native.ts";

const SERVER = fileURLToPath(new URL("../examples/http-server.js", import.meta.url));

describe("examples/http-server.js", () => {
  const path = useDirectory();
  let server: ChildProcess;
  let origin = "";
  beforeAll(async () => {
    const env = { ...process.env, PORT: "0", DATABASE: path("users.db") };
    server = spawn(process.execPath, [SERVER], { env, stdio: ["ignore", "pipe", "inherit"] });
    if (server.stdout === null) throw new Error("no output");
    for await (const line of createInterface(server.stdout)) {
      origin = line.split(" ")[0] ?? "";
      break;
    }
  });
  afterAll(() => void server.kill("SIGKILL"));

  const post = (body: string) => fetch(`${origin}/users`, { method: "POST", body });

  test("adds users, lists them, and says what is wrong with others", async () => {
    const added = await post('{ "name": "Ada", "email": "ada@example.org" }');
    expect([added.status, await added.json()]).toEqual([201, { id: 1 }]);
    const again = await post('{ "name": "Eve", "email": "ada@example.org" }');
    expect(again.status).toBe(409);
    for (const wrong of ["{", "null", '{ "name": 5 }', '{ "name": "", "email": "x" }']) {
      const response = await post(wrong);
      expect(response.status).toBe(400);
      expect(await response.json()).toHaveProperty("error");
    }
    const users = await (await fetch(`${origin}/users`)).json();
    expect(users).toMatchObject([{ id: 1, name: "Ada", email: "ada@example.org" }]);
    expect((await fetch(`${origin}/nowhere`)).status).toBe(404);
  });

  test("takes many requests at once", async () => {
    const made = Array.from({ length: 50 }, (_, i) => post(`{ "name": "n", "email": "n${i}@x" }`));
    for (const response of await Promise.all(made)) expect(response.status).toBe(201);
    expect(await (await fetch(`${origin}/users`)).json()).toHaveLength(51);
  });

  test("answers health and stats, and streams live numbers to its page", async () => {
    expect(await (await fetch(`${origin}/health`)).json()).toMatchObject({ status: "healthy" });
    expect(await (await fetch(`${origin}/stats`)).json()).toMatchObject({ name: "users", max: 5 });
    expect(await (await fetch(origin)).text()).toContain('new EventSource("/events")');
    const events = await fetch(`${origin}/events`);
    const reader = events.body?.getReader();
    const first = new TextDecoder().decode((await reader?.read())?.value);
    expect(JSON.parse(first.replace("data: ", ""))).toMatchObject({ storage: "file" });
    await reader?.cancel();
  });

  test("ends on SIGTERM with its database closed", async () => {
    const exited = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(nativeValue(path("users.db"), "SELECT count(*) FROM users")).toBe(51);
  });
});
