import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type CheckedPool,
  HealthMonitor,
  healthHandler,
  poolHealthCheck,
} from "../../src/pool/health.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("HealthMonitor", () => {
  test("the report's status is the worst of its checks'", async () => {
    const monitor = new HealthMonitor();
    expect((await monitor.checkHealth()).status).toBe("healthy");
    monitor.register("good", async () => "healthy");
    const remove = monitor.register("bad", async () => ({
      status: "unhealthy",
      message: "broken",
    }));
    monitor.register({ name: "slow", check: async () => "degraded" });
    expect(await monitor.checkHealth()).toMatchObject({
      status: "unhealthy",
      checks: [
        { name: "good", status: "healthy", duration: expect.any(Number) },
        { name: "bad", status: "unhealthy", message: "broken" },
        { name: "slow", status: "degraded" },
      ],
    });
    remove();
    expect((await monitor.checkHealth()).status).toBe("degraded");
  });

  test("a check that throws, overruns or answers nonsense is unhealthy with a message", async () => {
    const monitor = new HealthMonitor();
    monitor.register("throws", () => {
      throw new Error("no disk");
    });
    monitor.register("hangs", () => new Promise(() => {}), { timeout: 100 });
    monitor.register("hangs by default", () => new Promise(() => {}));
    monitor.register("nonsense", async () => "fine" as never);
    const report = monitor.checkHealth();
    await vi.advanceTimersByTimeAsync(5_000);
    const { status, checks } = await report;
    expect(status).toBe("unhealthy");
    expect(checks.map(({ message }) => message)).toEqual([
      "no disk",
      "no answer within 100 ms",
      "no answer within 5000 ms",
      'the check answered "fine"',
    ]);
  });

  test("a timeout that is too long for a timer is none", async () => {
    const monitor = new HealthMonitor();
    const answer = new Promise<"healthy">((resolve) => setTimeout(resolve, 1_000, "healthy"));
    monitor.register("slow", () => answer, { timeout: 2 ** 31 });
    const report = monitor.checkHealth();
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await report).status).toBe("healthy");
  });

  test("checks run side by side", async () => {
    const monitor = new HealthMonitor();
    const started: string[] = [];
    for (const name of ["a", "b"]) {
      monitor.register(name, async () => {
        started.push(name);
        await new Promise((resolve) => setTimeout(resolve, 10));
        return "healthy";
      });
    }
    const report = monitor.checkHealth();
    await vi.advanceTimersByTimeAsync(0);
    expect(started).toEqual(["a", "b"]);
    await vi.advanceTimersByTimeAsync(10);
    await report;
  });

  test("a check may be a method of an object that has more", async () => {
    class Disk {
      readonly name = "disk";
      readonly freeBytes = 7;
      async check() {
        return this.freeBytes > 5 ? "healthy" : ("unhealthy" as const);
      }
    }
    const monitor = new HealthMonitor();
    monitor.register(new Disk());
    expect((await monitor.checkHealth()).checks).toMatchObject([{ status: "healthy" }]);
  });

  test("whatever a check throws, there is a report", async () => {
    const monitor = new HealthMonitor();
    monitor.register("odd", async () => {
      throw Object.create(null);
    });
    expect((await monitor.checkHealth()).checks).toMatchObject([{ status: "unhealthy" }]);
  });

  test("wrong options are refused", () => {
    const monitor = new HealthMonitor();
    const check = async () => "healthy" as const;
    expect(() => monitor.register("a", check, { timeout: Number.NaN })).toThrow(RangeError);
    expect(() => monitor.register("a", check, { timeuot: 5 } as never)).toThrow(TypeError);
    expect(() => monitor.register({ name: "a", check, timeout: "5" } as never)).toThrow(TypeError);
    expect(() => healthHandler(monitor, { pth: "/" } as never)).toThrow(TypeError);
    expect(() => healthHandler(undefined as never)).toThrow(TypeError);
    for (const degradedStatusCode of [100, 199, 204, 205, 304, 600, 1000, 200.5]) {
      expect(() => healthHandler(monitor, { degradedStatusCode })).toThrow(RangeError);
    }
    expect(() => poolHealthCheck({ name: "p" } as never, { timeout: -1 })).toThrow(RangeError);
  });

  test("a name is taken once, and a check needs a function", () => {
    const monitor = new HealthMonitor();
    monitor.register("a", async () => "healthy");
    expect(() => monitor.register("a", async () => "healthy")).toThrow(TypeError);
    expect(() => monitor.register("b", undefined as never)).toThrow(TypeError);
  });
});

describe("poolHealthCheck()", () => {
  const pool = (more: Partial<CheckedPool>): CheckedPool => ({
    name: "p",
    activeCount: 0,
    maxConnections: 2,
    waitingCount: 0,
    withConnection: async (body) => body({ queryValue: async () => 1 }),
    ...more,
  });

  test("is healthy when SELECT 1 answers, degraded when all connections are out and others wait", async () => {
    expect(await poolHealthCheck(pool({})).check()).toBe("healthy");
    expect(await poolHealthCheck(pool({ activeCount: 2 })).check()).toBe("healthy");
    expect(await poolHealthCheck(pool({ activeCount: 2, waitingCount: 3 })).check()).toEqual({
      status: "degraded",
      message: "all 2 connections are out, 3 wait",
    });
  });

  test("pools of one name are told apart by the option", async () => {
    const monitor = new HealthMonitor();
    monitor.register(poolHealthCheck(pool({})));
    expect(() => monitor.register(poolHealthCheck(pool({})))).toThrow(/another name/);
    monitor.register(poolHealthCheck(pool({}), { name: "p, for writing" }));
    const { checks } = await monitor.checkHealth();
    expect(checks.map(({ name }) => name)).toEqual(["p", "p, for writing"]);
  });

  test("is unhealthy when no connection comes in time", async () => {
    const monitor = new HealthMonitor();
    monitor.register(
      poolHealthCheck(pool({ withConnection: () => new Promise(() => {}) }), { timeout: 50 }),
    );
    const report = monitor.checkHealth();
    await vi.advanceTimersByTimeAsync(50);
    expect(await report).toMatchObject({ status: "unhealthy", checks: [{ name: "p" }] });
  });
});

describe("healthHandler()", () => {
  const monitor = (status: "healthy" | "degraded" | "unhealthy") => {
    const made = new HealthMonitor();
    made.register("a", async () => status);
    return made;
  };
  const request = (path: string, method = "GET") =>
    new Request(`http://localhost${path}`, { method });

  test.each([
    ["healthy", 200],
    ["degraded", 200],
    ["unhealthy", 503],
  ] as const)("%s is answered with %i and the report as JSON", async (status, code) => {
    const response = await healthHandler(monitor(status))(request("/health?verbose"));
    expect(response?.status).toBe(code);
    expect(response?.headers.get("content-type")).toContain("application/json");
    expect(await response?.json()).toMatchObject({ status, checks: [{ name: "a", status }] });
  });

  test("HEAD has no body, another path or method is left alone, and options are heeded", async () => {
    const handler = healthHandler(monitor("degraded"), { path: "/up", degradedStatusCode: 429 });
    const head = await handler(request("/up", "HEAD"));
    expect([head?.status, await head?.text()]).toEqual([429, ""]);
    expect(await handler(request("/health"))).toBeUndefined();
    expect(await handler(request("/up/x"))).toBeUndefined();
    expect(await handler(request("/up", "POST"))).toBeUndefined();
  });

  test("its path is taken as addresses have it", async () => {
    for (const [path, address] of [
      ["status", "/status"],
      ["/état du service", "/%C3%A9tat%20du%20service"],
    ]) {
      const handler = healthHandler(new HealthMonitor(), { path });
      const response = await handler(new Request(`http://localhost${address}`));
      expect(response?.status).toBe(200);
    }
  });

  test("requests that come together share one run of the checks", async () => {
    let runs = 0;
    const made = new HealthMonitor();
    made.register("a", async () => {
      runs++;
      return "healthy";
    });
    const handler = healthHandler(made);
    await Promise.all([handler(request("/health")), handler(request("/health"))]);
    expect(runs).toBe(1);
    await handler(request("/health"));
    expect(runs).toBe(2);
  });
});
