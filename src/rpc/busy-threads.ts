// How many threads have something to do for this one, by what they have not answered. A thread that waits
// for the next request by looking for it is quick to take it, but only while it has a core to itself:
// beside as many busy threads as there are cores, it keeps one of them from its work.

let busy = 0;

/** The unanswered requests of one thread. */
export class Unanswered {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(requests: number): void {
    const before = this.#count;
    this.#count += requests;
    if (before === 0 && this.#count > 0) busy++;
    else if (before > 0 && this.#count === 0) busy--;
  }

  /** None of them will be answered. */
  clear(): void {
    this.add(-this.#count);
  }
}

/** The busy threads, and this one, have a core each. */
export function haveCoreEach(cores: number): boolean {
  return busy < cores;
}
