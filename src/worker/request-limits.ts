// What may end a request early: an interrupt, which is a word of shared memory, and its time.

import { clock } from "../clock.ts";
import type { EngineConnection } from "../engine/engine.ts";
import { interruptedError } from "../errors.ts";
import type { Request } from "../rpc/protocol.ts";

/** The limits of the request that runs now. */
export class RequestLimits {
  readonly #words: Int32Array | undefined;
  #serial = 0;
  #deadline = Number.POSITIVE_INFINITY;
  #word = 0;

  /** `words`: see `rpc/client.ts`; undefined where memory is not shared. */
  constructor(words: Int32Array | undefined) {
    this.#words = words;
  }

  /** Arms the progress handler for what may end the request early, and only then: it has a price. */
  arm(connection: EngineConnection, request: Request, serial: number): void {
    const timeoutMs = "timeoutMs" in request ? request.timeoutMs : 0;
    const words = this.#words;
    this.#serial = serial;
    this.#deadline = timeoutMs === 0 ? Number.POSITIVE_INFINITY : clock.now() + timeoutMs;
    this.#word = words === undefined ? 0 : request.connection % words.length;
    connection.onProgress(words === undefined && timeoutMs === 0 ? undefined : this.#isOver);
  }

  get isInterrupted(): boolean {
    const words = this.#words;
    if (words === undefined) return false;
    const word = Atomics.load(words, this.#word);
    return word !== 0 && ((word - this.#serial) | 0) >= 0;
  }

  /** Runs `others`, requests with limits of their own. @throws SqliteError where those of this one are reached by then */
  aside(others: () => void, sql: string): void {
    const [serial, deadline, word] = [this.#serial, this.#deadline, this.#word];
    try {
      others();
    } finally {
      this.#serial = serial;
      this.#deadline = deadline;
      this.#word = word;
    }
    if (this.#isOver()) throw interruptedError(sql);
  }

  /** One function for all requests: setting another one costs more than most statements. */
  #isOver = (): boolean => {
    if (this.isInterrupted) return true;
    return this.#deadline !== Number.POSITIVE_INFINITY && clock.now() > this.#deadline;
  };
}
