// Cross-origin isolation for the served page. SharedArrayBuffer, and with it readers in parallel, is to
// be had only by pages that come with these two headers.

import type { Connect, Plugin } from "vite";

/** Pages asked for with this query come without the headers, to see what the pool does then. */
const SWITCH = "isolation=off";

/**
 * Sends COOP and COEP with everything, but for pages asked for with `?isolation=off`, and with nothing
 * where `isEnabled` is false.
 */
export function isolation(isEnabled: boolean): Plugin {
  const addHeaders: Connect.NextHandleFunction = (request, response, next) => {
    const isPlain = !isEnabled || request.url?.split("?")[1]?.split("&").includes(SWITCH);
    if (!isPlain) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      // A worker that an isolated page starts needs this one too; it does no harm on other pages.
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
    next();
  };
  return {
    name: "cross-origin-isolation",
    configureServer: (server) => void server.middlewares.use(addHeaders),
    configurePreviewServer: (server) => void server.middlewares.use(addHeaders),
  };
}
