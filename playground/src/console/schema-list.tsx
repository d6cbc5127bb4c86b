import { quoteName, type TableInfo } from "../sql/schema.ts";
import { Badge } from "../ui/controls.tsx";

/** The tables and views; a click puts a name into the editor. */
export function SchemaList(props: {
  readonly tables: readonly TableInfo[];
  readonly onInsert: (text: string) => void;
}) {
  const { tables, onInsert } = props;
  return (
    <details class="schema card" open={innerWidth > 820}>
      <summary>
        <span>Schema</span>
        <span class="muted">{tables.length}</span>
      </summary>
      {tables.length === 0 && <p class="muted small">No tables yet.</p>}
      <ul>
        {tables.map((table) => (
          <li key={table.name}>
            <details>
              <summary>
                <span class="mono">{table.name}</span>
                {table.kind !== "table" && <Badge>{table.kind}</Badge>}
              </summary>
              <button
                type="button"
                class="link"
                onClick={() => onInsert(`SELECT * FROM ${quoteName(table.name)} LIMIT 100;\n`)}
              >
                Insert SELECT
              </button>
              <ul>
                {table.columns.map(({ name, type, isKey, notNull }) => (
                  <li key={name}>
                    <button type="button" class="name" onClick={() => onInsert(quoteName(name))}>
                      {name}
                    </button>
                    <span class="muted">
                      {type.toLowerCase()}
                      {isKey ? " key" : notNull ? " not null" : ""}
                    </span>
                  </li>
                ))}
                {table.indexes.map((index) => (
                  <li key={index}>
                    <span class="muted">index {index}</span>
                  </li>
                ))}
              </ul>
            </details>
          </li>
        ))}
      </ul>
    </details>
  );
}
