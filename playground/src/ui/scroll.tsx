import type { ComponentChildren } from "preact";

interface ScrollProps {
  readonly label: string;
  readonly class: string;
  /** New lines at its end or head are what it is about. */
  readonly isLog?: boolean;
  readonly children: ComponentChildren;
}

/** A part that scrolls by itself, and so has to be reachable by keyboard. */
export function Scroll({ label, class: className, isLog, children }: ScrollProps) {
  return (
    <section class={className} aria-label={label} role={isLog ? "log" : undefined} tabIndex={0}>
      {children}
    </section>
  );
}
