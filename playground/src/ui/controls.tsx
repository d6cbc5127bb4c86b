// The building blocks of every view.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";

interface ButtonProps {
  readonly children?: ComponentChildren;
  readonly icon?: IconName;
  /** The label of a button that shows an icon alone; otherwise a hint. */
  readonly label?: string;
  readonly kind?: "plain" | "primary" | "danger" | "quiet";
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  readonly onClick: () => void;
}

export function Button(props: ButtonProps) {
  const { children, icon, label, kind = "plain", disabled = false, pressed, onClick } = props;
  return (
    <button
      type="button"
      class={`button ${kind}${children === undefined ? " icon-only" : ""}`}
      disabled={disabled}
      title={label}
      aria-label={children === undefined ? label : undefined}
      aria-pressed={pressed}
      onClick={onClick}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface CardProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** Controls at the right of the title. */
  readonly actions?: ComponentChildren;
  readonly class?: string;
  /** The content comes to the card's edge. */
  readonly isFlush?: boolean;
}

/** A titled part of a view. */
export function Card({ title, children, actions, class: className = "", isFlush }: CardProps) {
  const id = useId();
  return (
    <section class={`card ${className}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {actions && <div class="row">{actions}</div>}
      </header>
      <div class={isFlush ? "content" : "body"}>{children}</div>
    </section>
  );
}

export function Badge(props: {
  readonly kind?: "good" | "warn" | "bad" | "accent" | undefined;
  readonly class?: string;
  readonly title?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <span class={`badge ${props.kind ?? ""} ${props.class ?? ""}`} title={props.title}>
      {props.children}
    </span>
  );
}

interface SelectProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly onChange: (value: T) => void;
  readonly isInline?: boolean;
  readonly disabled?: boolean;
}

/** A choice of a few. Inline, its label is for those who do not see it. */
export function Select<T extends string>(props: SelectProps<T>) {
  const { label, value, options, onChange, isInline, disabled } = props;
  const id = useId();
  const select = (
    <select
      id={id}
      class="select"
      value={value}
      disabled={disabled}
      aria-label={isInline ? label : undefined}
      onChange={(event) => {
        const chosen = options.find(([each]) => each === event.currentTarget.value);
        if (chosen !== undefined) onChange(chosen[0]);
      }}
    >
      {options.map(([each, text]) => (
        <option key={each} value={each} selected={each === value}>
          {text}
        </option>
      ))}
    </select>
  );
  if (isInline) return select;
  return (
    <div class="field">
      <label class="label" for={id}>
        {label}
      </label>
      {select}
    </div>
  );
}

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly disabled?: boolean;
  /** The value in words, with its unit. */
  readonly show?: (value: number) => string;
  readonly onChange: (value: number) => void;
}

export function Slider(props: SliderProps) {
  const { label, value, min, max, step = 1, disabled = false, onChange } = props;
  const text = props.show?.(value) ?? String(value);
  return (
    <label class="field">
      <span class="label">
        {label} <output>{text}</output>
      </span>
      <input
        class="slider"
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        disabled={disabled}
        aria-valuetext={text}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
    </label>
  );
}

/** Figures with their names, side by side. */
export function Figures(props: {
  readonly items: readonly (readonly [name: string, value: string, unit?: string])[];
}) {
  return (
    <dl class="figures">
      {props.items.map(([name, value, unit]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value} {unit && <small>{unit}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
