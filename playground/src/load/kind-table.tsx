import { count, milliseconds } from "../format/value.ts";
import type { Measured } from "./tally.ts";
import { KIND_NAMES, KINDS } from "./work.ts";

/** How long requests of each kind took. */
export function KindTable({ kinds }: { readonly kinds: Measured["kinds"] | undefined }) {
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
              <td class="number">{isEmpty ? "–" : milliseconds(latency.p50)}</td>
              <td class="number">{isEmpty ? "–" : milliseconds(latency.p99)}</td>
              <td class="number">{count(latency?.count ?? 0)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
