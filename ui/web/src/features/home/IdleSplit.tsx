import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { Card, numClass, tableClass } from "../../components/ui";
import { money, percent } from "../../lib/format";
import { part } from "../../lib/names";
import css from "./Home.module.css";

interface Props {
  overview: Schemas["Overview"];
  currency: string;
  window: string;
  stale: boolean;
}

/** Idle money in its two kinds, each with whom to ask. */
export function IdleSplit({ overview, currency, window, stale }: Props) {
  const { parts, reservedCost, workloadIdle, worstWorkloads } = overview;
  const clusters = overview.clusters
    .filter((c) => c.idle > 0)
    .sort((a, b) => b.idle - a.idle)
    .slice(0, 10);
  const share = (v: number, of: number) => (of > 0 ? percent(v / of, 0) : "–");
  return (
    <Card title="Idle" note={`${currency}, in the period; worst ten of each`} busy={stale}>
      <div className={css.two}>
        <div>
          <h3>Infrastructure idle</h3>
          <p className={css.big}>{money(parts.idle, currency)}</p>
          <p className={css.small}>
            Provisioned, not asked for: fewer or smaller nodes. {share(parts.idle, parts.total)} of the total;{" "}
            {money(reservedCost, currency)} of it is kept for the system.
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
                  <td className={numClass}>{money(c.idle, currency)}</td>
                  <td className={numClass}>{share(c.idle, c.cost)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <div>
          <h3>Workload idle</h3>
          <p className={css.big}>{money(workloadIdle, currency)}</p>
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
                  <td className={numClass}>{money(w.workloadIdle, currency)}</td>
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
