// The few icons of the page, drawn here: 16 units square, in the colour of the text.

const PATHS = {
  play: "M5 3.2v9.6l8-4.8z",
  stop: "M4 4h8v8H4z",
  plan: "M3 3h4v3H3zM9 10h4v3H9zM5 6v5.5h4",
  history: "M8 4.5V8l2.4 1.6M2.6 8a5.4 5.4 0 1 0 1.7-3.9M2.5 2.6v2.7h2.7",
  download: "M8 2.5v7.2M4.8 6.9 8 10l3.2-3.1M3 13h10",
  upload: "M8 10V2.8M4.8 5.9 8 2.8l3.2 3.1M3 13h10",
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  link: "M6.7 9.3 9.3 6.7M7.2 4.6l1.5-1.5a2.9 2.9 0 0 1 4.1 4.1l-1.5 1.5M8.8 11.4l-1.5 1.5a2.9 2.9 0 0 1-4.1-4.1l1.5-1.5",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1",
  moon: "M13 9.6A5.4 5.4 0 0 1 6.4 3 5.4 5.4 0 1 0 13 9.6z",
  system: "M2.5 3.5h11v7.4h-11zM6 13.2h4",
  close: "M4 4l8 8M12 4l-8 8",
  table: "M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 6.5v6",
  trash: "M3 4.5h10M6.3 4.3V2.8h3.4v1.5M4.5 4.5l.6 8.7h5.8l.6-8.7",
  refresh: "M13.2 8a5.2 5.2 0 1 1-1.6-3.8M13.4 2.3v2.9h-2.9",
  plus: "M8 3v10M3 8h10",
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration: whatever it stands for is said in words beside it, or by its button's label. */
export function Icon({ name }: { readonly name: IconName }) {
  const isSolid = name === "play" || name === "stop";
  return (
    <svg
      viewBox="0 0 16 16"
      width="16"
      height="16"
      aria-hidden="true"
      fill={isSolid ? "currentColor" : "none"}
      stroke="currentColor"
      stroke-width="1.4"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The sign of the page, as in `icon.svg`: three lanes, and what ran on them. */
export function Brand() {
  return (
    <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#2f4bc7" />
      <g fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round">
        <path d="M7 10h18M7 16h18M7 22h18" opacity=".45" />
        <path d="M7 10h10M12 16h9M7 22h5M17 22h8" />
      </g>
    </svg>
  );
}
