// Small things that this browser remembers. Private windows may refuse to: then they are forgotten.

const PREFIX = "sqlite-wasm-pool-playground.";

export function readStored(key: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + key) ?? undefined;
  } catch {
    return undefined;
  }
}

export function store(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Full or forbidden. Nothing depends on it.
  }
}
