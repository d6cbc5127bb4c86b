import fc from "fast-check";
import { expect, test } from "vitest";
import { copyFrames, regionOf } from "../../src/shm/frame-index.ts";

const WORDS = 8_192;
const SLOTS = 8_192;

/** A region as SQLite fills it, see `walIndexAppend` in wal.c. */
class Region {
  readonly words = new Uint32Array(WORDS);
  readonly #index: number;
  readonly #slots = new Uint16Array(this.words.buffer, WORDS * 2);

  constructor(index: number) {
    this.#index = index;
  }

  append(frame: number, page: number): void {
    const first = this.#index === 0 ? 34 : 0;
    const position = frame - (this.#index === 0 ? 0 : this.#index * 4_096 - 34);
    if (position === 1) this.words.fill(0, first);
    let slot = (page * 383) % SLOTS;
    while (this.#slots[slot] !== 0) slot = (slot + 1) % SLOTS;
    this.words[first + position - 1] = page;
    this.#slots[slot] = position;
  }
}

/** Both as if the log had been there before: what is not cleared shows. */
function withRemnants(words: Uint32Array): void {
  words.fill(0xffff_ffff, 34);
}

test("copies of what was appended make the copy the same as the whole region", () => {
  const commits = fc.array(
    fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, size: "+1" }),
    {
      minLength: 1,
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 7),
      fc.boolean(),
      commits,
      (index, begins, pagesOfCommits) => {
        const source = new Region(index);
        const target = new Uint32Array(WORDS);
        let frame = index === 0 ? 0 : index * 4_096 - 34;
        if (begins) withRemnants(target);
        else {
          source.append(++frame, 1);
          target.set(source.words);
        }
        for (const pages of pagesOfCommits) {
          const first = frame + 1;
          for (const page of pages) source.append(++frame, page);
          const appended = { first, last: frame };
          if (!copyFrames(source.words, 0, target, 0, appended)) target.set(source.words);
          expect(target).toEqual(source.words);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("a few frames in the middle of a region need no copy of it", () => {
  const source = new Region(1);
  const [first, last] = [4_063, 4_066];
  for (let frame = first; frame <= last; frame++) source.append(frame, 5);
  const target = new Uint32Array(2 * WORDS);
  expect(copyFrames(source.words, 0, target, WORDS, { first: first + 1, last })).toBe(true);
  expect(target.subarray(WORDS, WORDS + 4)).toEqual(new Uint32Array([0, 5, 5, 5]));
});

test("frames in two regions, and those whose place is not found, ask for the whole", () => {
  const words = new Uint32Array(WORDS);
  expect(copyFrames(words, 0, words, 0, { first: 4_060, last: 4_063 })).toBe(false);
  expect(copyFrames(words, 0, words, 0, { first: 5, last: 5 })).toBe(false);
});

test("regionOf() counts as SQLite does", () => {
  expect([0, 1, 4_062, 4_063, 8_158, 8_159].map(regionOf)).toEqual([0, 0, 0, 1, 1, 2]);
});
