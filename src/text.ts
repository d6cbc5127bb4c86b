// Text between JavaScript and SQLite. SQLite keeps whatever bytes it is given, JavaScript's strings may
// hold lone surrogates: both survive when a lone surrogate travels as the three bytes UTF-8 would
// give its code point (WTF-8, https://simonsapin.github.io/wtf-8/).

const encoder = new TextEncoder();
// A byte order mark is a character of the text like any other.
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A surrogate without its partner, unit by unit: with the `u` flag, WebKit (2.50) overlooks one that
 * stands before a byte order mark.
 */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?:[^\ud800-\udbff]|^)[\udc00-\udfff]/;

/** Bytes that are faster read one by one than handed to a decoder, if they are no more than this. */
const FEW_BYTES = 24;
/**
 * Characters that are faster written one by one than handed to an encoder, if they are no more than this.
 * What a call costs, whatever it is given, is far more in browsers than in other runtimes.
 */
const FEW_CHARACTERS = /^Mozilla/.test(globalThis.navigator?.userAgent ?? "") ? 200 : 24;

/** Bytes that `text` may need at most. */
export function maxTextBytes(text: string): number {
  return text.length * 3;
}

/** Writes `text` to `heap` at `start` and returns the end. There is room for {@link maxTextBytes}. */
export function encodeText(text: string, heap: Uint8Array, start: number): number {
  if (text.length <= FEW_CHARACTERS) {
    const end = encodeAscii(text, heap, start);
    if (end >= 0) return end;
  }
  if (LONE_SURROGATE.test(text)) return encodeWtf8(text, heap, start);
  return start + encoder.encodeInto(text, heap.subarray(start)).written;
}

function encodeAscii(text: string, heap: Uint8Array, start: number): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return -1;
    heap[start + i] = unit;
  }
  return start + text.length;
}

function encodeWtf8(text: string, heap: Uint8Array, start: number): number {
  let at = start;
  for (const character of text) {
    const unit = character.charCodeAt(0);
    if (character.length === 1 && unit >= 0xd800 && unit <= 0xdfff) {
      heap[at++] = 0xe0 | (unit >> 12);
      heap[at++] = 0x80 | ((unit >> 6) & 0x3f);
      heap[at++] = 0x80 | (unit & 0x3f);
    } else {
      at += encoder.encodeInto(character, heap.subarray(at)).written;
    }
  }
  return at;
}

/**
 * The text of `heap[start, end)`. A sequence that is not UTF-8 is read as the surrogate it encodes
 * where it does, and as U+FFFD where it does not.
 */
export function decodeText(heap: Uint8Array, start: number, end: number): string {
  if (end - start <= FEW_BYTES) {
    const text = decodeAscii(heap, start, end);
    if (text !== undefined) return text;
  }
  // Shared memory has to be copied first: decoders refuse it.
  const bytes = ownBytes(heap, start, end);
  try {
    return strict.decode(bytes);
  } catch {
    return decodeWtf8(bytes);
  }
}

function ownBytes(heap: Uint8Array, start: number, end: number): Uint8Array {
  return heap.buffer instanceof ArrayBuffer ? heap.subarray(start, end) : heap.slice(start, end);
}

function decodeAscii(heap: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  for (let i = start; i < end; i++) {
    const byte = heap[i] ?? 0;
    if (byte > 127) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Decodes the stretches between encoded surrogates, and the surrogates themselves. */
function decodeWtf8(bytes: Uint8Array): string {
  const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  let from = 0;
  for (let i = 0; i + 2 < bytes.length; i++) {
    const second = bytes[i + 1] ?? 0;
    const third = bytes[i + 2] ?? 0;
    if (bytes[i] !== 0xed || (second & 0xe0) !== 0xa0 || (third & 0xc0) !== 0x80) continue;
    text += lenient.decode(bytes.subarray(from, i));
    text += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f));
    i += 2;
    from = i + 1;
  }
  return text + lenient.decode(bytes.subarray(from));
}
