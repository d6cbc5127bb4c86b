/**
 * The index in `text` of the character at `byteOffset` of its UTF-8 form: SQLite counts bytes, an editor
 * counts UTF-16 units. A lone surrogate is stored in three bytes, as the library does.
 */
export function indexOfByte(text: string, byteOffset: number): number {
  let bytes = 0;
  for (let index = 0; index < text.length; ) {
    if (bytes >= byteOffset) return index;
    const point = text.codePointAt(index) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    index += point > 0xffff ? 2 : 1;
  }
  return text.length;
}

/** The end of the word or sign that begins at `index`, for marking it. */
export function endOfToken(text: string, index: number): number {
  const token = /^(?:[\p{L}\p{N}_$]+|'[^']*'?|"[^"]*"?|.)/su.exec(text.slice(index));
  return Math.min(text.length, index + (token?.[0].length ?? 0));
}
