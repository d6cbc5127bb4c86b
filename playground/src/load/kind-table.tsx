import { count, milliseconds } from "../format/value.ts";
import type { Measured } from "./tally.ts";
import { KIND_NAMES, KINDS } from "./work.ts";

interface KindTableProps {
  readonly kinds: Measured["kinds"] | undefined;
  /** Others that the times are compared with: the lowest is marked. */
  readonly rivals?: readonly Measured["kinds"][];
}

/** How long requests of each kind took. */
export function KindTable({ kinds, rivals = [] }: KindTableProps) {
  return (
    <table class="plain-table">
      <thead>
        <tr>
          <th scope="col">
            <span class="visually-hidden">Kind</span>
          </th>
          <th scope="col" class="number">
            p50
          </th>
          <th scope="col" class="number">
            p99
          </th>
          <th scope="col" class="number">
            requests
          </th>
        </tr>
      </thead>
      <tbody>
        {KINDS.map((kind) => {
          const latency = kinds?.[kind];
          const isEmpty = latency === undefined || latency.count === 0;
          return (
            <tr key={kind}>
              <th scope="row">{KIND_NAMES[kind]}</th>
              <Time
                ms={latency?.p50}
                isNone={isEmpty}
                others={rivals.map((each) => each[kind].p50)}
              />
              <Time
                ms={latency?.p99}
                isNone={isEmpty}
                others={rivals.map((each) => each[kind].p99)}
              />
              <td class="number">{count(latency?.count ?? 0)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Time(props: {
  readonly ms: number | undefined;
  readonly isNone: boolean;
  readonly others: readonly number[];
}) {
  const { ms = 0, isNone, others } = props;
  if (isNone) return <td class="number">–</td>;
  const measured = others.filter((each) => each > 0);
  const isLowest = measured.length > 1 && measured.every((each) => ms <= each);
  return (
    <td class={isLowest ? "number lowest" : "number"}>
      {milliseconds(ms)}
      {isLowest && <span class="visually-hidden">, the lowest</span>}
    </td>
  );
}
