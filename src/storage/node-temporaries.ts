// Temporary files that a crash left behind.

import * as fs from "node:fs";
import * as path from "node:path";
import { isDeadDraft } from "./lock-file.ts";
import { isTemporaryOf } from "./temporary-names.ts";

/**
 * Deletes those beside `database`, as far as that works: they do no harm.
 * @pre this thread has just taken the lock of `database`, so that nobody uses them
 */
export function sweepTemporaries(database: string): void {
  const [directory, own] = [path.dirname(database), path.basename(database)];
  try {
    for (const name of fs.readdirSync(directory)) {
      const file = path.join(directory, name);
      if (isTemporaryOf(name, own) || isDeadDraft(file, database)) fs.unlinkSync(file);
    }
  } catch {
    // Somebody deletes them by hand, or the directory may not be read.
  }
}
