import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { byState, StateMark, stateText, worstFirst } from "../../components/clusterState";
import { Cost } from "../../components/explain/Cost";
import { buttonClass, Card } from "../../components/ui";
import { partOf } from "../../lib/explained";
import type { Span } from "../../lib/format";
import { completeness, money } from "../../lib/format";
import css from "./Home.module.css";

interface Props {
  fleet: Schemas["FleetStatus"];
  overview: Schemas["Overview"];
  currency: string;
  covered: Span;
}

const most = 60;

/** Every cluster in a tile, those that need somebody first. By name, so that another period moves none of them. */
export function FleetStrip({ fleet, overview, currency, covered }: Props) {
  const cost = new Map(overview.clusters.map((c) => [c.cluster, c.cost]));
  const clusters = worstFirst(fleet.clusters ?? [], (c) => cost.get(c.id) ?? 0);
  const states = new Map<string, number>();
  for (const c of clusters) states.set(stateText(c), (states.get(stateText(c)) ?? 0) + 1);
  const refused = fleet.quarantine?.length ?? 0;
  return (
    <Card
      title="Fleet"
      note={`${clusters.length} clusters: ${[...states].map(([s, n]) => `${n} ${s}`).join(", ")}${refused > 0 ? `; ${refused} objects refused` : ""}`}
      actions={
        <Link href="/fleet" className={buttonClass}>
          Gaps and freshness
        </Link>
      }
    >
      <ul className={css.strip}>
        {byState(clusters.slice(0, most)).map((c) => (
          <li key={c.id} className={css.tile}>
            <Link href={`/fleet/${encodeURIComponent(c.id)}`} className={css.tileLink}>
              <b title={c.id}>{c.id}</b>
            </Link>
            <span className={css.tileRow}>
              <Cost text={money(cost.get(c.id) ?? 0, currency)} of={partOf(covered, "total", c.id)} what={`the cost of ${c.id}`} />
              <span className="soft">{completeness(c.hoursPresent, c.hoursExpected)}</span>
            </span>
            <span className={css.tileRow}>
              <StateMark cluster={c} now={Date.parse(fleet.now)} />
            </span>
          </li>
        ))}
      </ul>
      {clusters.length > most && (
        <p className={css.small}>
          and {clusters.length - most} more on <Link href="/fleet">Fleet</Link>
        </p>
      )}
    </Card>
  );
}
