import { judge, type PlanNode } from "../sql/plan.ts";
import { Badge } from "../ui/controls.tsx";

/** A query plan; what costs and what saves is marked. */
export function PlanTree({ roots }: { readonly roots: readonly PlanNode[] }) {
  if (roots.length === 0)
    return <div class="empty">SQLite has no plan to tell of this statement.</div>;
  return (
    <div class="plan">
      <Branch nodes={roots} />
    </div>
  );
}

function Branch({ nodes }: { readonly nodes: readonly PlanNode[] }) {
  return (
    <ul>
      {nodes.map(({ id, detail, children }) => {
        const { judgement, why } = judge(detail);
        return (
          <li key={id} class="plan-line">
            <code>{detail}</code> {judgement && <Badge kind={judgement}>{why}</Badge>}
            {children.length > 0 && <Branch nodes={children} />}
          </li>
        );
      })}
    </ul>
  );
}
