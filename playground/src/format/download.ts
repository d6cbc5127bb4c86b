/** Hands bytes or text to the browser as a file to save. */
export function download(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it by the next turn of the event loop at the latest.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
