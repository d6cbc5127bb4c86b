// One lane per connection: when it was out, and when it ran something.

import { Ring } from "./ring.ts";

/** A stretch of time, in `performance.now()` milliseconds. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

const MOST_STRETCHES = 2_000;

/** What one connection did. */
export class Lane {
  readonly connection: number;
  readonly #leases = new Ring<Stretch>(MOST_STRETCHES);
  readonly #runs = new Ring<Stretch>(MOST_STRETCHES);
  lentSince: number | undefined;
  queries = 0;

  constructor(connection: number) {
    this.connection = connection;
  }

  lent(): void {
    this.lentSince = performance.now();
  }

  returned(heldMs: number): void {
    const to = performance.now();
    this.#leases.push({ from: to - heldMs, to });
    this.lentSince = undefined;
  }

  ran(durationMs: number): void {
    const to = performance.now();
    this.queries++;
    this.#runs.push({ from: to - durationMs, to });
  }

  /** Leases since `from`, the present one included. */
  leases(from: number): Stretch[] {
    const stretches = this.#leases.toArray().filter(({ to }) => to >= from);
    if (this.lentSince !== undefined) {
      stretches.push({ from: this.lentSince, to: performance.now() });
    }
    return stretches;
  }

  runs(from: number): Stretch[] {
    return this.#runs.toArray().filter(({ to }) => to >= from);
  }
}

/** The lanes of the connections that are open. */
export class LaneBook {
  readonly #lanes = new Map<number, Lane>();

  get all(): readonly Lane[] {
    return [...this.#lanes.values()].sort((a, b) => a.connection - b.connection);
  }

  opened(connection: number): void {
    if (!this.#lanes.has(connection)) this.#lanes.set(connection, new Lane(connection));
  }

  closed(connection: number): void {
    this.#lanes.delete(connection);
  }

  lent(connection: number): void {
    this.#lanes.get(connection)?.lent();
  }

  returned(connection: number, heldMs: number): void {
    this.#lanes.get(connection)?.returned(heldMs);
  }

  ran({ connection, durationMs }: { connection: number; durationMs: number }): void {
    this.#lanes.get(connection)?.ran(durationMs);
  }
}
