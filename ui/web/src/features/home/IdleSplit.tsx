import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { Cost } from "../../components/explain/Cost";
import { Card, numClass, tableClass } from "../../components/ui";
import type { Explained } from "../../lib/explained";
import { partOf, windowOf } from "../../lib/explained";
import type { Span } from "../../lib/format";
import { money, percent } from "../../lib/format";
import { part } from "../../lib/names";
import css from "./Home.module.css";

interface Props {
  overview: Schemas["Overview"];
  currency: string;
  window: string;
  /** What the answer covers. */
  covered: Span;
  stale: boolean;
}

/** Idle money in its two kinds, each with whom to ask. */
export function IdleSplit({ overview, currency, window, covered, stale }: Props) {
  const { parts, reservedCost, workloadIdle, worstWorkloads } = overview;
  const clusters = overview.clusters
    .filter((c) => c.idle > 0)
    .sort((a, b) => b.idle - a.idle)
    .slice(0, 10);
  const wasted = (row: string, cluster?: string): Explained => ({
    source: "allocation",
    query: {
      window: windowOf(covered),
      aggregate: "cluster,namespace",
      accumulate: "all",
      ...(cluster === undefined ? {} : { filter: `cluster:"${cluster}"` }),
    },
    row,
    column: "wasted",
  });
  const share = (v: number, of: number) => (of > 0 ? percent(v / of, 0) : "–");
  return (
    <Card title="Idle" note={`${currency}, in the period; worst ten of each`} busy={stale}>
      <div className={css.two}>
        <div>
          <h3>Infrastructure idle</h3>
          <p className={css.big}>
            <Cost text={money(parts.idle, currency)} of={partOf(covered, "idle")} what="infrastructure idle" />
          </p>
          <p className={css.small}>
            Provisioned, not asked for: fewer or smaller nodes. {share(parts.idle, parts.total)} of the total;{" "}
            <Cost text={money(reservedCost, currency)} of={partOf(covered, "idle")} what="idle, with what is kept for the system" /> of it
            is kept for the system.
          </p>
          <table className={tableClass}>
            <caption className="sr-only">Clusters with most infrastructure idle</caption>
            <thead>
              <tr>
                <th scope="col">Cluster</th>
                <th scope="col" className={numClass}>
                  Idle
                </th>
                <th scope="col" className={numClass}>
                  Of its cost
                </th>
              </tr>
            </thead>
            <tbody>
              {clusters.map((c) => (
                <tr key={c.cluster}>
                  <th scope="row">
                    <Link href={`/explore?window=${window}&group=node&filter=${encodeURIComponent(`cluster:"${c.cluster}"`)}`}>
                      {c.cluster}
                    </Link>
                  </th>
                  <td className={numClass}>
                    <Cost text={money(c.idle, currency)} of={partOf(covered, "idle", c.cluster)} what={`idle of ${c.cluster}`} />
                  </td>
                  <td className={numClass}>{share(c.idle, c.cost)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <div>
          <h3>Workload idle</h3>
          <p className={css.big}>
            <Cost text={money(workloadIdle, currency)} of={wasted("*")} what="workload idle" />
          </p>
          <p className={css.small}>
            Asked for, not used: smaller requests. {share(workloadIdle, parts.allocated)} of allocations, at each namespace’s average rates;
            a part of allocations, not added to the total.
          </p>
          <table className={tableClass}>
            <caption className="sr-only">Namespaces with most workload idle</caption>
            <thead>
              <tr>
                <th scope="col">Namespace on cluster</th>
                <th scope="col" className={numClass}>
                  Idle
                </th>
                <th scope="col" className={numClass}>
                  Of its cost
                </th>
              </tr>
            </thead>
            <tbody>
              {worstWorkloads.map((w) => (
                <tr key={`${w.cluster}/${w.namespace}`}>
                  <th scope="row">
                    <Link
                      href={`/explore?window=${window}&group=controller&filter=${encodeURIComponent(`cluster:"${w.cluster}"+namespace:"${w.namespace}"`)}`}
                    >
                      {part(w.namespace)}
                    </Link>{" "}
                    <span className={css.small}>{w.cluster}</span>
                  </th>
                  <td className={numClass}>
                    <Cost
                      text={money(w.workloadIdle, currency)}
                      of={wasted(`${w.cluster}/${w.namespace}`, w.cluster)}
                      what={`workload idle of ${w.namespace} on ${w.cluster}`}
                    />
                  </td>
                  <td className={numClass}>{share(w.workloadIdle, w.cost)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </div>
    </Card>
  );
}
