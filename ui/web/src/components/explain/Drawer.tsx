import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Schemas } from "../../api/client";
import { apiBase } from "../../api/client";
import { explainQuery, exploreQuery } from "../../api/queries";
import type { Explained } from "../../lib/explained";
import { compared } from "../../lib/compared";
import { bytes, completeness, count, dateTime, money, percent, rounding, signed, span } from "../../lib/format";
import { readable } from "../../lib/names";
import { Button, Failure, Notice, numClass, scrollClass, Skeleton, tableClass } from "../ui";
import css from "./Drawer.module.css";
import type { Line } from "./lines";
import { columnNames, exact, linesOf, priceDate, valueOf } from "./lines";

function nameOf(e: Explained): string {
  if (e.row !== "*") return e.row === "all" ? "Workloads" : readable(e.row);
  return e.except ? `All but ${e.except.map(readable).join(", ")}` : "Total";
}

/** Why a number is what it is: formula, prices, completeness, and the objects it came from. */
export function Drawer({ of, onClose }: { of: Explained; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = dialog.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  const query = { ...of.query, row: of.row, ...(of.except ? { except: of.except.join(",") } : {}) };
  const answer = useQuery(explainQuery(of.source, query));
  const x = answer.data?.data;
  const meta = answer.data?.meta;
  const part = of.column === "total" || of.column === "change" ? "" : `: ${columnNames[of.column]}`;
  return (
    // onCancel and the button close it; leaving the page closes it without either.
    <dialog
      className={css.drawer}
      ref={dialog}
      aria-labelledby="explain-title"
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
    >
      <div className={css.body} aria-busy={answer.isPending}>
        <div className={css.head}>
          <div>
            <h2 id="explain-title">
              Why {nameOf(of)} costs this{part}
            </h2>
            {meta && (
              <p className={css.small}>
                {meta.currency}, {span(meta.window)} UTC{of.query.filter ? `, ${of.query.filter}` : ""}
              </p>
            )}
            {x && meta && (
              <p className={css.total} data-testid="explained">
                {money(valueOf(x.row, of.column), meta.currency)}
              </p>
            )}
          </div>
          <Button onClick={onClose}>Close</Button>
        </div>
        {answer.error && <Failure what="The number could not be explained." error={answer.error} retry={() => void answer.refetch()} />}
        {answer.isPending && <Skeleton height="30rem" />}
        {x && meta && (
          <>
            {answer.data?.warning && <Notice tone="warn" title={answer.data.warning} />}
            {of.compare && <Change of={of} compare={of.compare} />}
            <Formula x={x} of={of} currency={meta.currency} />
            <Prices x={x} currency={meta.currency} />
            <Completeness meta={meta} />
            <Objects x={x} version={meta.dataVersion} />
            <CopyAs x={x} of={of} query={query} />
          </>
        )}
      </div>
    </dialog>
  );
}

function Formula({ x, of, currency }: { x: Schemas["Explanation"]; of: Explained; currency: string }) {
  const lines = linesOf(x, of.column);
  const value = valueOf(x.row, of.column);
  return (
    <section aria-labelledby="explain-formula">
      <h3 id="explain-formula">Formula</h3>
      {lines && (
        <Lines caption="Formula of the number" lines={lines} total={value} totalName={columnNames[of.column]} currency={currency} />
      )}
      {of.column === "wasted" && (
        <p className={css.small}>
          A part of the cost, never added to it
          {x.rows > 1 ? `; the number adds up ${count(x.rows)} rows, each at its own rates, the lines are at the rates of all` : ""}.
        </p>
      )}
      {of.column === "default" && (
        <p className={css.small}>
          The part of the {money(x.row.total, currency)} below whose price is a default: see Prices. Default prices are set in the agent.
        </p>
      )}
      {lines && <h4>The whole cost</h4>}
      <Lines caption="Formula table" lines={x.lines} total={x.row.total} totalName="Total" currency={currency} />
      <p className={css.small}>
        Adjustment to the cloud bill: none, no bill is read yet. A rate is the cost divided by the other factors, to nine decimals.
      </p>
    </section>
  );
}

function Lines({
  caption,
  lines,
  total,
  totalName,
  currency,
}: {
  caption: string;
  lines: readonly Line[];
  total: number;
  totalName: string;
  currency: string;
}) {
  const rest = rounding(
    lines.map((l) => l.cost),
    total,
    currency,
  );
  return (
    <div className={scrollClass} tabIndex={0} role="region" aria-label={caption}>
      <table className={tableClass}>
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col">Factors</th>
            <th scope="col" className={numClass}>
              Cost, {currency}
            </th>
          </tr>
        </thead>
        <tbody>
          {lines.map((l) => (
            <tr key={l.name}>
              <th scope="row">
                {l.name}
                {l.note && <div className={css.small}>{l.note}</div>}
              </th>
              <td className={css.factors}>
                {l.factors.map((f, i) => (
                  <div key={f.unit}>
                    {i > 0 && "× "}
                    <b>{exact(f.value)}</b> {f.unit}
                  </div>
                ))}
                {Math.abs(l.rounding) >= 0.005 && <div>{signed(l.rounding, currency)} rounding of the factors</div>}
              </td>
              <td className={numClass}>{money(l.cost, currency)}</td>
            </tr>
          ))}
          {rest !== 0 && (
            <tr>
              <th scope="row">Rounding</th>
              <td />
              <td className={numClass}>{signed(rest, currency)}</td>
            </tr>
          )}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{totalName}</th>
            <td />
            <td className={numClass}>{money(total, currency)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

/** Where a change comes from: its own days, like for like. */
function Change({ of, compare }: { of: Explained; compare: string }) {
  const answer = useQuery(exploreQuery(of.source, { ...of.query, window: of.query.window ?? "", compare }));
  const data = answer.data?.data;
  const currency = answer.data?.meta?.currency ?? "USD";
  const c = data?.changes;
  const row = of.row === "*" ? c?.total : data?.rows.find((r) => r.name === of.row);
  return (
    <section aria-labelledby="explain-change">
      <h3 id="explain-change">Change, like for like</h3>
      {answer.error && <Failure what="The comparison could not be read." error={answer.error} />}
      {answer.isPending && <Skeleton height="8rem" />}
      {data && (!c || !row) && <p className={css.small}>Nothing of it can be compared.</p>}
      {c && row && (
        <>
          <p>
            {compared(c)}: {count(c.used)} of {count(c.pairs)} pairs of cluster and day, those that are whole in both.
          </p>
          <table className={tableClass}>
            <caption className="sr-only">The change and its two parts</caption>
            <thead>
              <tr>
                <th scope="col">Part</th>
                <th scope="col" className={numClass}>
                  {currency}
                </th>
              </tr>
            </thead>
            <tbody>
              <tr>
                <th scope="row">Before</th>
                <td className={numClass}>{money(row.before ?? 0, currency)}</td>
              </tr>
              <tr>
                <th scope="row">
                  Price<div className={css.small}>what today’s quantities cost more or less than at the rates of before</div>
                </th>
                <td className={numClass}>{signed(row.price ?? 0, currency)}</td>
              </tr>
              <tr>
                <th scope="row">
                  Volume<div className={css.small}>more or less quantity, at the rates of before</div>
                </th>
                <td className={numClass}>{signed(row.volume ?? 0, currency)}</td>
              </tr>
            </tbody>
            <tfoot>
              <tr>
                <th scope="row">Now</th>
                <td className={numClass}>{money(row.after ?? 0, currency)}</td>
              </tr>
            </tfoot>
          </table>
          <p className={css.small}>Below: what it costs now, over the whole period.</p>
        </>
      )}
    </section>
  );
}

function Prices({ x, currency }: { x: Schemas["Explanation"]; currency: string }) {
  const all = x.prices.reduce((s, p) => s + p.cost, 0);
  const clusters = new Set(x.objects.map((o) => o.cluster));
  return (
    <section aria-labelledby="explain-prices">
      <h3 id="explain-prices">Prices</h3>
      {x.assetCost > 0 && (
        <p>
          {percent(x.assetDefaultCost / x.assetCost)} of what the assets of{" "}
          {clusters.size === 1 ? [...clusters] : `its ${clusters.size} clusters`} cost ({money(x.assetCost, currency)}) rests on default
          prices. No cloud bill is read yet.
        </p>
      )}
      {all > 0 ? (
        <>
          <p className={css.small}>
            Its own cost by price source, {money(all, currency)}. A workload has the source of its node; its volumes may have another.
          </p>
          <ul className={css.prices}>
            {x.prices.map((p) => (
              <li key={p.source}>
                <code>{p.source || "none"}</code> {money(p.cost, currency)}, {percent(p.cost / all)}
                {priceDate(p)}
              </li>
            ))}
          </ul>
        </>
      ) : (
        <p className={css.small}>It has no own price: its cost was given to it by others.</p>
      )}
    </section>
  );
}

function Completeness({ meta }: { meta: Schemas["Meta"] }) {
  const c = meta.completeness;
  const short = (c.clusters ?? []).filter((k) => k.hoursPresent < k.hoursExpected);
  return (
    <section aria-labelledby="explain-complete">
      <h3 id="explain-complete">Completeness</h3>
      <p>
        {completeness(c.hoursPresent, c.hoursExpected)}: {count(c.hoursPresent)} of {count(c.hoursExpected)} cluster-hours of the question
        are there. What is missing is missing from the number too.
      </p>
      {short.length > 0 && (
        <p className={css.small}>
          Short:{" "}
          {short
            .map(
              (k) =>
                `${k.cluster} ${completeness(k.hoursPresent, k.hoursExpected)}${k.silentSince ? `, silent since ${dateTime(k.silentSince)}` : ""}`,
            )
            .join("; ")}
        </p>
      )}
    </section>
  );
}

const shownObjects = 200;

function Objects({ x, version }: { x: Schemas["Explanation"]; version: string }) {
  const { objects } = x;
  return (
    <section aria-labelledby="explain-objects">
      <h3 id="explain-objects">Objects in the bucket</h3>
      <p className={css.small}>
        {count(objects.length)} {objects.length === 1 ? "object" : "objects"}, {count(x.objectRows)} rows, {bytes(x.bytes)}, at data version{" "}
        <code>{version}</code>
      </p>
      <div className={css.objects} tabIndex={0} role="region" aria-label="Objects">
        <table className={tableClass}>
          <caption className="sr-only">Objects in the bucket that the number came from</caption>
          <thead>
            <tr>
              <th scope="col">Key, version</th>
              <th scope="col" className={numClass}>
                Rows
              </th>
              <th scope="col" className={numClass}>
                Written, UTC
              </th>
              <th scope="col">Agent now</th>
            </tr>
          </thead>
          <tbody>
            {objects.slice(0, shownObjects).map((o) => (
              <tr key={o.key}>
                <th scope="row" className={css.key}>
                  {o.key}
                  <div className={css.small}>{o.version.replaceAll('"', "")}</div>
                </th>
                <td className={numClass}>{count(o.rows)}</td>
                <td className={numClass}>{o.writtenAt ? dateTime(o.writtenAt) : "–"}</td>
                <td>{o.agentVersion || "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {objects.length > shownObjects && <p className={css.small}>The first {shownObjects}; the SQL and the curl command have all.</p>}
    </section>
  );
}

function CopyAs({ x, of, query }: { x: Schemas["Explanation"]; of: Explained; query: Record<string, string> }) {
  const [said, setSaid] = useState("");
  const [open, setOpen] = useState(false);
  const copy = (text: string, what: string) => void navigator.clipboard.writeText(text).then(() => setSaid(`${what} copied`));
  const shell = (v: string) => `'${v.replaceAll("'", `'\\''`)}'`;
  const sql = `${x.sqlSetup}${x.sql}`;
  const url = `${apiBase()}/api/v1/explain/${of.source}?${new URLSearchParams(query).toString()}`;
  return (
    <section aria-labelledby="explain-copy">
      <h3 id="explain-copy">Copy as</h3>
      <div className={css.row}>
        <Button onClick={() => copy(sql, "SQL")}>SQL</Button>
        <Button onClick={() => copy(`curl ${shell(url)}`, "curl command")}>curl</Button>
        <Button onClick={() => copy(`fleetcost ${x.cli} --server ${apiBase()}`, "CLI command")}>CLI</Button>
        <Button onClick={() => copy(window.location.href, "Link")}>Link</Button>
        <span role="status" className="soft">
          {said}
        </span>
      </div>
      <p className={css.small}>
        The SQL is for DuckDB (<code>duckdb &lt; explain.sql</code>) and reads the objects above, not this server.
        {x.sqlLeftOut.length > 0 && ` It does not compute: ${x.sqlLeftOut.join("; ")}.`}
      </p>
      <details onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>Show the SQL</summary>
        {open && (
          <pre className={css.sql} tabIndex={0} aria-label="SQL">
            {sql}
          </pre>
        )}
      </details>
    </section>
  );
}
