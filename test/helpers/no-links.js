// Preloaded: the file system has no hard links, as FAT has none.

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

fs.linkSync = () => {
  throw Object.assign(new Error("EPERM: operation not permitted, link"), { code: "EPERM" });
};
syncBuiltinESMExports();
