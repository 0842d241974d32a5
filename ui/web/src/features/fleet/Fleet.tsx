import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { fleetQuery, overviewQuery } from "../../api/queries";
import { Cost } from "../../components/explain/Cost";
import { byState, StateMark, stateOf } from "../../components/clusterState";
import { CopyLink } from "../../components/CopyLink";
import { FirstRun } from "../../components/FirstRun";
import { Badge, Button, Card, Failure, fieldClass, numClass, scrollClass, Segmented, Skeleton, tableClass } from "../../components/ui";
import { WindowPicker } from "../../components/WindowPicker";
import { ago, completeness, count, dateTime, day, money, percent, span } from "../../lib/format";
import { partOf } from "../../lib/explained";
import { useUrlState } from "../../lib/urlState";
import { cellOf, daysOf, dayStates } from "./days";
import css from "./Fleet.module.css";
import { fleetFields } from "./state";

/** Every cluster: is it here, is it whole, and what does it cost? */
export function Fleet() {
  const [state, set] = useUrlState(fleetFields);
  const fleet = useQuery(fleetQuery());
  const overview = useQuery(overviewQuery(state.window, "last7d", "namespace"));
  const f = fleet.data?.data;
  const connect = f && <Connect bucket={f.bucket} id={state.connect} onId={(connect) => set({ connect }, { replace: true })} />;
  return (
    <div className={css.stack}>
      <div className={css.head}>
        <h1>Fleet</h1>
        <div className={css.controls}>
          <WindowPicker value={state.window} onChange={(window) => set({ window })} />
          <CopyLink />
        </div>
      </div>
      {fleet.error && (
        <Failure
          what={f ? "The latest state of the clusters could not be read." : "The state of the clusters could not be read."}
          error={fleet.error}
          still={f ? "What is shown is the last answer." : known(overview.data)}
          retry={() => void fleet.refetch()}
        />
      )}
      {!f && fleet.isPending && (
        <div role="group" aria-busy="true" aria-label="Loading">
          <Skeleton height="30rem" />
        </div>
      )}
      {f && (f.clusters ?? []).length === 0 && (
        <>
          <FirstRun fleet={f} connectBelow />
          <Refused refused={f.quarantine ?? []} />
          {connect}
        </>
      )}
      {f && (f.clusters ?? []).length > 0 && (
        <>
          <Summary fleet={f} />
          <Heatmap fleet={f} days={Number(state.days)} choice={state.days} onDays={(days) => set({ days })} />
          {overview.error && (
            <Failure
              what="The costs could not be read."
              error={overview.error}
              still="The state of the clusters is right."
              retry={() => void overview.refetch()}
            />
          )}
          <Clusters fleet={f} overview={overview.data} busy={overview.isPlaceholderData || overview.isPending} />
          <Refused refused={f.quarantine ?? []} />
          {connect}
        </>
      )}
    </div>
  );
}

/** What is right although the state is not known. */
function known(overview: Schemas["EnvelopeOverview"] | undefined): string | undefined {
  const meta = overview?.meta;
  if (!meta) return undefined;
  return `The costs are right: ${money(meta.totalCost, meta.currency)} in ${span(meta.window)} UTC, ${completeness(meta.completeness.hoursPresent, meta.completeness.hoursExpected)} of hours. Home and Explore show them.`;
}

function Summary({ fleet }: { fleet: Schemas["FleetStatus"] }) {
  const clusters = fleet.clusters ?? [];
  const n = (s: string) => clusters.filter((c) => stateOf(c) === s).length;
  const versions = [...new Set(clusters.map((c) => c.agentVersion).filter((v) => v !== undefined))];
  return (
    <div className={css.badges}>
      <Badge tone={n("silent") > 0 ? "bad" : "good"}>{n("silent") > 0 ? `■ ${n("silent")} silent` : "● none silent"}</Badge>
      <Badge>
        {clusters.length - n("silent") - n("retired")}/{clusters.length} clusters push
      </Badge>
      {n("gaps") + n("problems") > 0 && <Badge tone="warn">◐ {n("gaps") + n("problems")} with gaps or problems</Badge>}
      {versions.length > 1 && <Badge tone="warn">{versions.length} agent versions</Badge>}
      <Badge tone={fleet.syncError ? "bad" : "plain"} title={fleet.syncError ?? fleet.bucket}>
        {fleet.syncError ? "the bucket cannot be read" : `bucket read ${ago(fleet.lastSync, Date.parse(fleet.now))}`}
      </Badge>
    </div>
  );
}

type Days = (typeof fleetFields)["days"] extends { parse: (t: string | null) => infer T } ? T : never;

function Heatmap({
  fleet,
  days,
  choice,
  onDays,
}: {
  fleet: Schemas["FleetStatus"];
  days: number;
  choice: Days;
  onDays: (days: Days) => void;
}) {
  const clusters = byState(fleet.clusters ?? []);
  const dates = daysOf(clusters).slice(-days);
  const today = fleet.now.slice(0, 10);
  const refused = fleet.quarantine ?? [];
  return (
    <Card
      title="Clusters and days"
      note="UTC days; choose one to see its hours"
      actions={
        <Segmented
          label="Days shown"
          value={choice}
          choices={[
            { value: "14", label: "14 days" },
            { value: "30", label: "30 days" },
            { value: "90", label: "90 days" },
          ]}
          onChange={onDays}
        />
      }
    >
      <div className={scrollClass} tabIndex={0} role="region" aria-label="Completeness of clusters by day">
        <table className={css.heat}>
          <caption className="sr-only">Completeness of clusters by day</caption>
          <thead>
            <tr>
              <th scope="col">Cluster</th>
              {dates.map((d) => (
                <th key={d} scope="col">
                  <span>{day(d)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {clusters.map((c) => (
              <tr key={c.id}>
                <th scope="row">
                  <Link href={`/fleet/${encodeURIComponent(c.id)}`}>{c.id}</Link>
                </th>
                {dates.map((d) => {
                  const cell = cellOf(c, d, today, refused);
                  if (cell.state === "none")
                    return (
                      <td key={d}>
                        <span className="sr-only">nothing expected</span>
                      </td>
                    );
                  return (
                    <td key={d}>
                      <Link
                        className={css.cell}
                        data-state={cell.state}
                        href={`/fleet/${encodeURIComponent(c.id)}?day=${d}`}
                        title={`${c.id}, ${day(d)}: ${cell.text}`}
                        aria-label={`${day(d)}: ${cell.text}`}
                        tabIndex={cell.state === "complete" ? -1 : 0}
                      >
                        {dayStates[cell.state].mark}
                      </Link>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <ul className={css.legend} aria-label="Legend">
        {Object.entries(dayStates).map(([s, d]) => (
          <li key={s}>
            <span className={css.cell} data-state={s} aria-hidden="true">
              {d.mark}
            </span>
            <span>
              <b>{d.label}</b>: {d.meaning}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Clusters({
  fleet,
  overview,
  busy,
}: {
  fleet: Schemas["FleetStatus"];
  overview: Schemas["EnvelopeOverview"] | undefined;
  busy: boolean;
}) {
  const cost = new Map((overview?.data.clusters ?? []).map((c) => [c.cluster, c]));
  const clusters = byState(fleet.clusters ?? []); // not by cost: another period would move the rows
  const meta = overview?.meta;
  const currency = meta?.currency ?? fleet.currency;
  const now = Date.parse(fleet.now);
  const show = (v: number | undefined, part: string, what: string, cluster?: string) =>
    v === undefined || !meta ? "–" : <Cost text={money(v, currency)} of={partOf(meta.window, part, cluster)} what={what} />;
  return (
    <Card
      title="Clusters"
      note={meta ? `cost with each cluster’s own idle and overhead: ${currency}, ${span(meta.window)} UTC` : undefined}
      busy={busy}
    >
      <div className={scrollClass} tabIndex={0} role="region" aria-label="Table of clusters">
        <table className={`${tableClass ?? ""} ${css.clusters ?? ""}`}>
          <thead>
            <tr>
              <th scope="col">Cluster</th>
              <th scope="col">State, last push</th>
              <th scope="col" className={numClass}>
                Cost, {currency}
              </th>
              <th scope="col" className={numClass}>
                Idle, {currency}
              </th>
              <th scope="col" className={numClass}>
                Hours since its first
              </th>
              <th scope="col" className={numClass}>
                Default prices
              </th>
              <th scope="col">Agent</th>
              <th scope="col">Where</th>
              <th scope="col">Owner</th>
            </tr>
          </thead>
          <tbody>
            {clusters.map((c) => (
              <tr key={c.id}>
                <th scope="row">
                  <Link href={`/fleet/${encodeURIComponent(c.id)}`}>{c.id}</Link>
                  {(c.problems ?? []).length > 0 && <div className={css.small}>{count((c.problems ?? []).length)} problems</div>}
                </th>
                <td>
                  <StateMark cluster={c} now={now} />
                  {c.silentSince && <div className={css.small}>since {dateTime(c.silentSince)}</div>}
                  <Gap cluster={c} today={fleet.now.slice(0, 10)} />
                </td>
                <td className={numClass}>{show(cost.get(c.id)?.cost, "total", `the cost of ${c.id}`, c.id)}</td>
                <td className={numClass}>{show(cost.get(c.id)?.idle, "idle", `idle of ${c.id}`, c.id)}</td>
                <td className={numClass} title={`${count(c.hoursPresent)} of ${count(c.hoursExpected)}`}>
                  {completeness(c.hoursPresent, c.hoursExpected)}
                </td>
                <td className={numClass}>{c.defaultShare === null ? "unknown" : percent(c.defaultShare)}</td>
                <td>{c.agentVersion ?? "–"}</td>
                <td>{[c.provider, c.region].filter(Boolean).join(" ") || "–"}</td>
                <td title={c.ownerProof}>{c.ownerUid ? <code>{c.ownerUid.slice(0, 8)}</code> : "–"}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">Total</th>
              <td>{count(clusters.length)} clusters</td>
              <td className={numClass} data-testid="total">
                {show(meta?.totalCost, "total", "the total")}
              </td>
              <td className={numClass}>{show(overview?.data.parts.idle, "idle", "all idle")}</td>
              <td colSpan={5} />
            </tr>
          </tfoot>
        </table>
      </div>
    </Card>
  );
}

/** Since when hours are missing, and how many; hours that are only late are not. */
function Gap({ cluster, today }: { cluster: Schemas["ClusterStatus"]; today: string }) {
  const first = (cluster.days ?? []).find((d) => d.hoursPresent < d.hoursExpected && cellOf(cluster, d.date, today, []).state !== "late");
  if (!first) return null;
  return (
    <div className={css.small}>
      {count(cluster.hoursExpected - cluster.hoursPresent)} h missing since {day(first.date)}
    </div>
  );
}

function Refused({ refused }: { refused: readonly Schemas["Quarantined"][] }) {
  if (refused.length === 0) return null;
  return (
    <Card title="Refused objects" note="they spoil nothing else; what they held is missing above">
      <ul className={css.problems}>
        {refused.map((q) => (
          <li key={q.key}>
            <code>{q.key}</code>
            <div>{q.reason}</div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** What to run so that one more cluster appears here. */
function Connect({ bucket, id, onId }: { bucket: string; id: string; onId: (id: string) => void }) {
  const [copied, setCopied] = useState(false);
  const valid = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(id);
  const command = `fleetcost-agent --cluster-id ${valid ? id : "my-cluster"} --storage-config federated-store.yaml \\
  --source prometheus --prometheus-url http://prometheus.monitoring:9090 --backfill 15d`;
  return (
    <Card title="Connect one more cluster" note={`it pushes to the same bucket: ${bucket}`}>
      <ol className={css.steps}>
        <li>
          Name it:{" "}
          <input
            className={fieldClass}
            aria-label="Cluster id"
            aria-invalid={!valid}
            value={id}
            onChange={(e) => {
              onId(e.target.value);
              setCopied(false);
            }}
          />{" "}
          <span className={css.small}>
            {valid ? "the id is kept for ever; nothing is guessed" : "begin with a letter or digit, then letters, digits, . _ - up to 63"}
          </span>
        </li>
        <li>
          Put the <code>federated-store.yaml</code> of this bucket where the agent runs, and start it:
          <pre className={css.code} tabIndex={0} aria-label="Command">
            <code>{command}</code>
          </pre>
          <Button disabled={!valid} onClick={() => void navigator.clipboard.writeText(command).then(() => setCopied(true))}>
            {copied ? "Copied" : "Copy the command"}
          </Button>
        </li>
        <li>It stands here within two minutes; the first whole hour within 70, the past of 15 days as fast as Prometheus answers.</li>
      </ol>
    </Card>
  );
}
