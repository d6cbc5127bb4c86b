// Decodes many texts that lie one after the other. Most of what a decoder costs is the call, whatever the
// length, so one call decodes a chunk of texts, which is then cut.

import { decodeText } from "../text.ts";
import type { Views } from "./packed-bytes.ts";

/**
 * Texts of a chunk share its memory for as long as one of them lives: V8's substrings are slices.
 * This bounds what one kept text keeps alive.
 */
const CHUNK_BYTES = 64 * 1024;
/** Fewer texts are not worth a chunk. */
const FEW_TEXTS = 3;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text in bytes `[from, to)`. */
export function readText(views: Views, from: number, to: number): string {
  return decodeText(views.u8, from, to);
}

/** The `count` texts from byte `from` on, whose lengths in bytes are the words from `lengths` on. */
export function readTexts(views: Views, lengths: number, count: number, from: number): string[] {
  const texts = new Array<string>(count);
  let start = from;
  for (let i = 0; i < count; ) {
    let end = start + (views.u32[lengths + i] ?? 0);
    let next = i + 1;
    for (; next < count; next++) {
      const longer = end + (views.u32[lengths + next] ?? 0);
      if (longer - start > CHUNK_BYTES) break;
      end = longer;
    }
    readChunk(views, texts, { first: i, next, lengths, start, end });
    i = next;
    start = end;
  }
  return texts;
}

/** Texts `[first, next)`, which lie in bytes `[start, end)`. */
interface Chunk {
  readonly first: number;
  readonly next: number;
  readonly lengths: number;
  readonly start: number;
  readonly end: number;
}

function readChunk(views: Views, texts: string[], chunk: Chunk): void {
  const few = chunk.next - chunk.first < FEW_TEXTS;
  const all = few ? undefined : decodeStrictly(views.u8, chunk.start, chunk.end);
  if (all === undefined) readOneByOne(views, texts, chunk);
  // In UTF-8 only ASCII has as many bytes as UTF-16 units.
  else if (all.length === chunk.end - chunk.start) cutAscii(views, texts, chunk, all);
  else if (startsAreCharacters(views, chunk)) cutUnicode(views, texts, chunk, all);
  else readOneByOne(views, texts, chunk);
}

/** Undefined where the bytes are not UTF-8, as a lone surrogate is not. */
function decodeStrictly(bytes: Uint8Array, start: number, end: number): string | undefined {
  try {
    return strict.decode(bytes.subarray(start, end));
  } catch {
    return undefined;
  }
}

function readOneByOne(views: Views, texts: string[], chunk: Chunk): void {
  let from = chunk.start;
  for (let i = chunk.first; i < chunk.next; i++) {
    const to = from + (views.u32[chunk.lengths + i] ?? 0);
    texts[i] = decodeText(views.u8, from, to);
    from = to;
  }
}

function cutAscii(views: Views, texts: string[], chunk: Chunk, all: string): void {
  let from = 0;
  for (let i = chunk.first; i < chunk.next; i++) {
    const to = from + (views.u32[chunk.lengths + i] ?? 0);
    texts[i] = all.substring(from, to);
    from = to;
  }
}

/**
 * False where a text starts inside of a character: two texts, neither of which is UTF-8, that
 * happen to be when joined.
 */
function startsAreCharacters(views: Views, chunk: Chunk): boolean {
  let from = chunk.start;
  for (let i = chunk.first; i < chunk.next; i++) {
    const length = views.u32[chunk.lengths + i] ?? 0;
    if (length > 0 && isContinuation(views.u8[from] ?? 0)) return false;
    from += length;
  }
  return true;
}

function cutUnicode(views: Views, texts: string[], chunk: Chunk, all: string): void {
  let at = chunk.start;
  let from = 0;
  for (let i = chunk.first; i < chunk.next; i++) {
    const end = at + (views.u32[chunk.lengths + i] ?? 0);
    let to = from;
    for (; at < end; at++) {
      const byte = views.u8[at] ?? 0;
      // A character of four bytes is two UTF-16 units, any other is one.
      if (!isContinuation(byte)) to += byte >= 0xf0 ? 2 : 1;
    }
    texts[i] = all.substring(from, to);
    from = to;
  }
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
