// What every storage must do. A storage's own test file calls this with a way to make one.

import { afterEach, beforeEach, expect, test } from "vitest";
import { type Storage, StorageFault, type StorageFile } from "../../src/storage/storage.ts";

/** A storage, and the path of a file in it that does not exist yet. */
export interface Made {
  readonly storage: Storage;
  readonly path: string;
}

const CREATE = { create: true, readonly: false } as const;
const EXISTING = { create: false, readonly: false } as const;

/** Registers the tests. */
export function storageContract(make: () => Made | Promise<Made>): void {
  let storage: Storage;
  let path: string;
  const opened: StorageFile[] = [];

  beforeEach(async () => {
    ({ storage, path } = await make());
  });
  afterEach(() => {
    for (const file of opened.splice(0)) file.close();
  });

  const open = (flags: { create: boolean; readonly: boolean } = CREATE): StorageFile => {
    const file = storage.open(path, flags);
    opened.push(file);
    return file;
  };
  const write = (file: StorageFile, text: string, offset: number): void => {
    const bytes = new TextEncoder().encode(`<${text}>`);
    file.write(bytes, 1, text.length, offset);
  };
  const read = (file: StorageFile, length: number, offset: number): [number, number[]] => {
    const heap = new Uint8Array(length + 2).fill(7);
    const got = file.read(heap, 1, length, offset);
    expect(heap[0]).toBe(7);
    expect(heap[length + 1]).toBe(7);
    return [got, [...heap.subarray(1, 1 + got)]];
  };
  const bytesOf = (text: string) => [...new TextEncoder().encode(text)];

  test("a file that is not there is created only when that is asked for", () => {
    expect(storage.exists(path)).toBe(false);
    const missing = () => storage.open(path, EXISTING);
    expect(missing).toThrow(StorageFault);
    expect(missing).toThrow(expect.objectContaining({ notFound: true }));
    open();
    expect(storage.exists(path)).toBe(true);
    expect(storage.isWritable(path)).toBe(true);
    expect(storage.open(path, EXISTING).sizeBytes()).toBe(0);
  });

  test("what is written is read back, at any offset and by any handle", () => {
    const file = open();
    write(file, "hello", 3);
    expect(file.sizeBytes()).toBe(8);
    expect(read(file, 8, 0)).toEqual([8, [0, 0, 0, ...bytesOf("hello")]]);
    const other = open(EXISTING);
    expect(read(other, 5, 3)).toEqual([5, bytesOf("hello")]);
    write(other, "J", 3);
    expect(read(file, 5, 3)).toEqual([5, bytesOf("Jello")]);
  });

  test("reading beyond the end gives what there is", () => {
    const file = open();
    write(file, "abc", 0);
    expect(read(file, 10, 1)).toEqual([2, bytesOf("bc")]);
    expect(read(file, 10, 3)).toEqual([0, []]);
    expect(read(file, 10, 1_000_000)).toEqual([0, []]);
  });

  test("a gap reads as zeros, also where there were bytes before a truncation", () => {
    const file = open();
    write(file, "abcdef", 0);
    file.truncate(2);
    expect(file.sizeBytes()).toBe(2);
    write(file, "x", 5);
    expect(read(file, 6, 0)).toEqual([6, [...bytesOf("ab"), 0, 0, 0, ...bytesOf("x")]]);
    file.truncate(8);
    expect(read(file, 8, 6)).toEqual([2, [0, 0]]);
  });

  test("a large file grows piece by piece", () => {
    const file = open();
    const page = new Uint8Array(4096);
    for (let i = 0; i < 300; i++) {
      page.fill(i);
      file.write(page, 0, page.length, i * page.length);
    }
    file.sync();
    expect(file.sizeBytes()).toBe(300 * 4096);
    expect(read(file, 2, 299 * 4096 - 1)).toEqual([2, [298 & 255, 299 & 255]]);
  });

  test("a deleted file is gone, and new when it is created again", () => {
    write(open(), "abc", 0);
    for (const file of opened.splice(0)) file.close();
    storage.delete(path, true);
    expect(storage.exists(path)).toBe(false);
    expect(() => storage.delete(path, false)).toThrow(expect.objectContaining({ notFound: true }));
    expect(open().sizeBytes()).toBe(0);
  });

  test("a path resolves to one name", () => {
    const resolved = storage.resolve(path);
    expect(storage.resolve(resolved)).toBe(resolved);
  });
}
