// The official build of SQLite. Everything goes through `wasm.exports`: the wrappers of `capi` convert
// arguments, which costs far more than the call itself.

import sqlite3InitModule from "#sqlite-wasm";
import type { Binding, Exports, Pointer, Struct } from "./binding.ts";
import type { Engine } from "./engine.ts";
import { instantiate, type LoaderOptions } from "./instantiate.ts";
import { MemoryViews } from "./memory-views.ts";
import type { VfsOptions } from "./open-files.ts";
import { Sqlite } from "./sqlite.ts";
import { Vfs } from "./vfs.ts";

/** Starts an instance. `module` saves compiling it again. */
export async function startSqliteWasm(
  options: VfsOptions,
  module: WebAssembly.Module | undefined,
): Promise<Engine> {
  const binding = await loadSqliteWasmBinding(module);
  return new Sqlite(binding, new Vfs(binding, options));
}

/** SQLite's own memory, in which bound values can be handed over. */
interface Allocator {
  sqlite3_malloc(bytes: number): number;
  sqlite3_free(address: number): void;
}

/** {@link startSqliteWasm} without a VFS of ours. */
export async function loadSqliteWasmBinding(
  module: WebAssembly.Module | undefined,
): Promise<Binding> {
  const sqlite3 = await startNext(module);
  const { capi, wasm } = sqlite3;
  const exports = wasm.exports as unknown as Exports & Allocator;
  // The published types leave the memory out.
  const { memory } = wasm as unknown as { readonly memory: WebAssembly.Memory };
  const views = new MemoryViews(memory);
  return {
    exports,
    omitsUtf16: capi.sqlite3_compileoption_used("OMIT_UTF16") !== 0,
    freeFunction: capi.SQLITE_WASM_DEALLOC as unknown as Pointer,
    u8: () => views.u8(),
    u32: () => views.u32(),
    alloc: (bytes) => exports.sqlite3_malloc(bytes) >>> 0,
    free: (address) => exports.sqlite3_free(address),
    install: (signature, callback) => Number(wasm.installFunction(signature, callback)),
    uninstall: (callback) => void wasm.uninstallFunction(callback as never),
    newVfsStruct: () => new capi.sqlite3_vfs() as unknown as Struct,
    newIoMethodsStruct: () => new capi.sqlite3_io_methods() as unknown as Struct,
    registerVfs: (vfs) => {
      const code = capi.sqlite3_vfs_register(vfs as never, 0);
      if (code !== 0) throw new Error(`BUG: the VFS was not registered, result code ${code}`);
    },
    codeName: (code) => codeName(capi.sqlite3_js_rc_str(code), code),
    cString: (text) => Number(wasm.allocCString(text, false)),
    readCString: (address) => (address === 0 ? "" : (wasm.cstrToJs(address) ?? "")),
  };
}

type Sqlite3 = Awaited<ReturnType<typeof sqlite3InitModule>>;

/** The build's own VFSes for browsers, which start workers of theirs where they are not refused. */
const OTHER_VFSES = ["kvvfs", "opfs", "opfs-vfs", "opfs-sahpool", "opfs-wl"];

let latest: Promise<unknown> = Promise.resolve();

/** One instance after the other, because the loader finds its settings in a global. */
function startNext(module: WebAssembly.Module | undefined): Promise<Sqlite3> {
  const instance = latest.then(() => withSettings(() => instantiate(start, module)));
  latest = instance.catch(() => {});
  return instance;
}

/** The loader deletes its settings when it has read them; those of the host page come back afterwards. */
async function withSettings<T>(body: () => Promise<T>): Promise<T> {
  const host = globalThis as { sqlite3ApiConfig?: unknown };
  const former = host.sqlite3ApiConfig;
  host.sqlite3ApiConfig = {
    disable: { vfs: Object.fromEntries(OTHER_VFSES.map((name) => [name, true])) },
  };
  try {
    return await body();
  } finally {
    if (former === undefined) delete host.sqlite3ApiConfig;
    else host.sqlite3ApiConfig = former;
  }
}

/** The published types leave the loader's argument out. */
const start = sqlite3InitModule as unknown as (options: LoaderOptions) => Promise<Sqlite3>;

function codeName(name: string | undefined, code: number): `SQLITE_${string}` {
  return name?.startsWith("SQLITE_") ? (name as `SQLITE_${string}`) : `SQLITE_${code}`;
}
