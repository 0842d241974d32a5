import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { aboutQuery, fleetQuery } from "../../api/queries";
import { Card, Failure, numClass, scrollClass, Skeleton, tableClass } from "../../components/ui";
import { ago, count, percent } from "../../lib/format";
import { Facts } from "./Facts";
import css from "./Settings.module.css";

const most = 50;

/** Where the numbers come from: the bucket, each cluster's source and prices, bills. */
export function Sources() {
  const fleet = useQuery(fleetQuery());
  const about = useQuery(aboutQuery());
  const error = fleet.error ?? about.error;
  const clusters = fleet.data?.data.clusters ?? [];
  return (
    <Card title="Data sources" note="what the numbers are made of">
      {error && <Failure what="The data sources could not be read." error={error} />}
      {!error && !(fleet.data && about.data) && (
        <div aria-busy="true" aria-label="Loading">
          <Skeleton height="16rem" />
        </div>
      )}
      {fleet.data && about.data && (
        <div className={css.stack}>
          <Facts label="Bucket" facts={bucketFacts(about.data.data.storage, fleet.data.data)} />
          <div className={scrollClass} tabIndex={0} role="region" aria-label="Sources of the clusters">
            <table className={tableClass}>
              <caption className="sr-only">Where each cluster’s usage and prices come from</caption>
              <thead>
                <tr>
                  <th scope="col">Cluster</th>
                  <th scope="col">Usage from</th>
                  <th scope="col">Looked over</th>
                  <th scope="col">Provider, region</th>
                  <th scope="col">Prices, share of the last day’s cost</th>
                  <th scope="col" className={numClass}>
                    At default prices
                  </th>
                </tr>
              </thead>
              <tbody>
                {clusters.slice(0, most).map((c) => (
                  <tr key={c.id}>
                    <th scope="row">
                      <Link href={`/fleet/${encodeURIComponent(c.id)}`}>{c.id}</Link>
                    </th>
                    <td>{[c.source, c.sourceTarget].filter(Boolean).join(": ") || "not known"}</td>
                    <td>{ago(c.sourceRead, Date.parse(fleet.data.data.now))}</td>
                    <td>{[c.provider, c.region].filter(Boolean).join(", ") || "not known"}</td>
                    <td>{prices(c.priceSources)}</td>
                    <td className={numClass}>{c.defaultShare === null ? "not known" : percent(c.defaultShare)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {clusters.length > most && (
            <p className="soft">
              and {count(clusters.length - most)} more on <Link href="/fleet">Fleet</Link>
            </p>
          )}
          <Facts label="Bills" facts={[["Cloud bills", "None is read yet: every price is a list price, your own, or a default."]]} />
        </div>
      )}
    </Card>
  );
}

function bucketFacts(s: Schemas["AboutStorage"], fleet: Schemas["FleetStatus"]): [string, string][] {
  const known = (name: string, value: string | undefined): [string, string][] => (value ? [[name, value]] : []);
  return [
    ["Bucket", s.address],
    ...known("Type", s.type),
    ...known("Prefix", s.prefix),
    ...known("Region", s.region),
    ...known("Endpoint", s.endpoint),
    ...known("Storage config", s.configFile),
    [
      "Last look",
      fleet.syncError ? `failed: ${fleet.syncError}` : fleet.lastSync ? ago(fleet.lastSync, Date.parse(fleet.now)) : "not looked at yet",
    ],
    ["Login", s.callerArn ?? "Whose credentials are in use is not known here; fleetcost storage check asks."],
  ];
}

function prices(shares: Record<string, number> | undefined): string {
  const parts = Object.entries(shares ?? {}).sort((a, b) => b[1] - a[1]);
  if (parts.length === 0) return "nothing priced yet";
  const shown = parts.slice(0, 3).map(([source, share]) => `${source} ${percent(share)}`);
  return shown.join(", ") + (parts.length > 3 ? ` and ${parts.length - 3} more` : "");
}
