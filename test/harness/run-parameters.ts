/** What a run was started with: the page's query, or the worker's name. */
export function runParameters(): URLSearchParams {
  const { name } = globalThis as { readonly name?: string };
  return new URLSearchParams(location.search || name);
}
