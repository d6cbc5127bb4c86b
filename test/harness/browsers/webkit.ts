import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { executable, firstMatch, killGroup, type Launch, start, type Tab } from "./browser.ts";

const PACKAGES = "webkit2gtk-driver xvfb xauth dbus-x11";
const MINI_BROWSERS = ["x86_64", "aarch64"].map(
  (machine) => `/usr/lib/${machine}-linux-gnu/webkit2gtk-4.1/MiniBrowser`,
);
/** No window is seen and no graphics card is needed. */
const ENVIRONMENT = {
  WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
  LIBGL_ALWAYS_SOFTWARE: "1",
  WEBKIT_DISABLE_COMPOSITING_MODE: "1",
  WEBKIT_DISABLE_DMABUF_RENDERER: "1",
};

/** WebKitGTK over W3C WebDriver, on a display of its own. */
export const launchWebKit: Launch = async () => {
  const xvfb = executable("Xvfb", PACKAGES);
  const dbus = executable("dbus-run-session", PACKAGES);
  const driverPath = executable("WebKitWebDriver", PACKAGES);
  const binary = MINI_BROWSERS.find(existsSync);
  if (!binary) throw new Error(`expected one of ${MINI_BROWSERS}; apt-get install ${PACKAGES}`);

  const display = start(xvfb, [
    "-displayfd",
    "3",
    "-screen",
    "0",
    "1024x768x24",
    "-nolisten",
    "tcp",
  ]);
  const [number] = await firstMatch(display.stdio[3] as NodeJS.ReadableStream, /\d+(?=\n)/);
  const port = await freePort();
  const driver = start(dbus, ["--", driverPath, `--port=${port}`, "--host=127.0.0.1"], {
    ...ENVIRONMENT,
    DISPLAY: `:${number}`,
  });
  const stop = async () => {
    await killGroup(driver);
    await killGroup(display);
  };
  try {
    const client = new WebDriver(`http://127.0.0.1:${port}`);
    await client.start({ binary, args: ["--automation"] });
    return {
      name: "WebKitGTK",
      async open(url) {
        const handle = await client.newWindow();
        const there = <T>(work: () => Promise<T>) => client.inTab(handle, work);
        await there(() => client.call("POST", "/url", { url }));
        return {
          console: [],
          run: (script, argument) => there(() => client.run(String(script), argument)),
          reload: () => there(() => client.call("POST", "/refresh", {})),
          close: () => there(() => client.call("DELETE", "/window")),
        } as Tab;
      },
      crash: stop,
      async [Symbol.asyncDispose]() {
        await client.call("DELETE", "").catch(() => {});
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** As much of WebDriver as is needed. Its commands go to one current window, so they take turns. */
class WebDriver {
  readonly #address: string;
  #session = "";
  #first = "";
  #turn: Promise<unknown> = Promise.resolve();

  constructor(address: string) {
    this.#address = address;
  }

  async start(options: object): Promise<void> {
    await this.#listening();
    const capabilities = { alwaysMatch: { "webkitgtk:browserOptions": options } };
    const session = await this.#send<{ sessionId: string }>("POST", "/session", { capabilities });
    this.#session = `/session/${session.sessionId}`;
    await this.call("POST", "/timeouts", { script: 600_000, pageLoad: 60_000 });
    this.#first = await this.call<string>("GET", "/window");
  }

  /** Opens a window: in a tab behind another one, timers would run once a second. */
  async newWindow(): Promise<string> {
    const open = () => this.call<{ handle: string }>("POST", "/window/new", { type: "window" });
    return (await this.inTab(this.#first, open)).handle;
  }

  inTab<T>(handle: string, work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(async () => {
      await this.call("POST", "/window", { handle });
      return work();
    });
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async run(script: string, argument: unknown): Promise<unknown> {
    const answer = await this.call<{ value?: unknown; thrown?: string }>("POST", "/execute/async", {
      script: `const done = arguments[1];
        Promise.resolve().then(() => (${script})(arguments[0])).then(
          (value) => done({ value }),
          (error) => done({ thrown: error + "\\n" + error?.stack }));`,
      args: [argument ?? null],
    });
    if (answer.thrown !== undefined) throw new Error(answer.thrown);
    return answer.value;
  }

  call<T = void>(method: string, path: string, body?: object): Promise<T> {
    return this.#send<T>(method, this.#session + path, body);
  }

  async #send<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(this.#address + path, {
      method,
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const { value } = (await response.json()) as {
      value: T & { error?: string; message?: string };
    };
    if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  async #listening(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await fetch(`${this.#address}/status`);
        return;
      } catch (error) {
        if (attempt === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}
