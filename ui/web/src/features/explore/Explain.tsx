import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { Schemas } from "../../api/client";
import { apiBase } from "../../api/client";
import { exploreQuery, sourcesQuery } from "../../api/queries";
import { Button, Failure, numClass, scrollClass, Skeleton, tableClass } from "../../components/ui";
import { formatFilter, parseFilter } from "../../lib/filter";
import { completeness, count, dateTime, decimal, money, percent, rounding, signed, span } from "../../lib/format";
import { readable } from "../../lib/names";
import css from "./Explain.module.css";
import { formulaOf, sizeOf } from "./formula";
import type { Row } from "./rows";
import type { ExploreState } from "./state";
import { filterKey, questionOf } from "./state";

interface Props {
  row: Row;
  state: ExploreState;
  meta: Schemas["Meta"];
  onClose: () => void;
}

/** The filter of a row: that of the page, and what the row stands for. */
export function scopeOf(row: Row, state: ExploreState): string {
  const terms = parseFilter(state.filter);
  const own = state.group
    .map((g, i) => ({ key: filterKey(g, state.source), op: ":" as const, values: [row.key[i] ?? ""] }))
    .filter((t) => t.values[0] && !t.values[0].startsWith("__"));
  if (terms) return formatFilter([...terms, ...own]);
  return own.length ? `(${state.filter})+${formatFilter(own)}` : state.filter;
}

/** Why a number is what it is: formula, prices, completeness, and the objects it came from. */
export function Explain({ row, state, meta, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = dialog.current;
    d?.showModal();
    return () => d?.close();
  }, []);
  const scope = scopeOf(row, state);
  const lines = formulaOf(row);
  const rest = rounding(
    lines.map((l) => l.cost),
    row.total,
    meta.currency,
  );
  const name = row.name === "*" ? "Total" : readable(row.name);
  const rate = (v: number) => `${decimal(v, 5)} ${meta.currency}`;
  return (
    <dialog className={css.drawer} ref={dialog} aria-labelledby="explain-title" onClose={onClose}>
      <div className={css.body}>
        <div className={css.head}>
          <div>
            <h2 id="explain-title">Why {name} costs this</h2>
            <p className={css.small}>
              {meta.currency}, {span(meta.window)} UTC
            </p>
            <p className={css.total}>{money(row.total, meta.currency)}</p>
          </div>
          <Button onClick={() => dialog.current?.close()}>Close</Button>
        </div>
        <section aria-labelledby="explain-formula">
          <h3 id="explain-formula">Formula</h3>
          <div className={scrollClass} tabIndex={0} role="region" aria-label="Formula table">
            <table className={tableClass}>
              <thead>
                <tr>
                  <th scope="col">Part</th>
                  <th scope="col" className={numClass}>
                    Quantity
                  </th>
                  <th scope="col" className={numClass}>
                    × average rate
                  </th>
                  <th scope="col" className={numClass}>
                    = cost
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
                    <td className={numClass}>{l.rate === null ? "" : `${l.quantity} ${l.unit}s`}</td>
                    <td className={numClass}>{l.rate === null ? "" : rate(l.rate)}</td>
                    <td className={numClass}>{money(l.cost, meta.currency)}</td>
                  </tr>
                ))}
                {rest !== 0 && (
                  <tr>
                    <th scope="row">Rounding</th>
                    <td />
                    <td />
                    <td className={numClass}>{signed(rest, meta.currency)}</td>
                  </tr>
                )}
              </tbody>
              <tfoot>
                <tr>
                  <th scope="row">Total</th>
                  <td />
                  <td />
                  <td className={numClass}>{money(row.total, meta.currency)}</td>
                </tr>
              </tfoot>
            </table>
          </div>
        </section>
        <Completeness meta={meta} />
        <Lineage scope={scope} state={state} currency={meta.currency} />
        <CopyAs scope={scope} state={state} />
      </div>
    </dialog>
  );
}

function Completeness({ meta }: { meta: Schemas["Meta"] }) {
  const c = meta.completeness;
  const short = (c.clusters ?? []).filter((x) => x.hoursPresent < x.hoursExpected);
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
              (x) =>
                `${x.cluster} ${completeness(x.hoursPresent, x.hoursExpected)}${x.silentSince ? `, silent since ${dateTime(x.silentSince)}` : ""}`,
            )
            .join("; ")}
        </p>
      )}
    </section>
  );
}

/** Prices and objects: asked for when the drawer opens. */
function Lineage({ scope, state, currency }: { scope: string; state: ExploreState; currency: string }) {
  const { window } = questionOf(state);
  const filter = state.source === "allocation" ? scope : formatFilter((parseFilter(scope) ?? []).filter((t) => t.key === "cluster"));
  const sources = useQuery(sourcesQuery(window ?? "", filter));
  const objects = sources.data?.data.objects ?? [];
  const clusters = [...new Set(objects.map((o) => o.cluster))];
  const assets = useQuery({
    ...exploreQuery("assets", {
      window: window ?? "",
      aggregate: "all",
      accumulate: "all",
      ...(clusters.length < 200 ? { filter: formatFilter([{ key: "cluster", op: ":", values: clusters }]) } : {}),
    }),
    enabled: clusters.length > 0,
  });
  const all = assets.data?.data.rows[0];
  return (
    <>
      <section aria-labelledby="explain-prices">
        <h3 id="explain-prices">Prices</h3>
        {all ? (
          <p>
            {percent(all.total > 0 ? all.defaultCost / all.total : 0)} of what the assets of{" "}
            {clusters.length === 1 ? clusters[0] : `its ${clusters.length} clusters`} cost ({money(all.total, currency)}) rests on default
            prices; the rest on price books, price metrics or your own rates. No cloud bill is read yet.
          </p>
        ) : (
          <p className={css.small}>{sources.error || assets.error ? "Not known: they could not be read." : "Being read …"}</p>
        )}
      </section>
      <section aria-labelledby="explain-objects">
        <h3 id="explain-objects">Objects in the bucket</h3>
        {sources.error && <Failure what="The objects could not be read." error={sources.error} retry={() => void sources.refetch()} />}
        {sources.isPending && <Skeleton height="6rem" />}
        {sources.data && (
          <>
            <p className={css.small}>
              {sizeOf(objects.length, sources.data.data.rows, sources.data.data.bytes)}, at data version{" "}
              <code>{sources.data.meta?.dataVersion}</code>
            </p>
            <div className={css.objects} tabIndex={0} role="region" aria-label="Objects">
              <table className={tableClass}>
                <thead>
                  <tr>
                    <th scope="col">Key, version</th>
                    <th scope="col" className={numClass}>
                      Rows
                    </th>
                    <th scope="col" className={numClass}>
                      Loaded, UTC
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {objects.slice(0, 200).map((o) => (
                    <tr key={o.key}>
                      <th scope="row" className={css.key}>
                        {o.key}
                        <div className={css.small}>{o.version.replaceAll('"', "")}</div>
                      </th>
                      <td className={numClass}>{count(o.rows)}</td>
                      <td className={numClass}>{o.loadedAt ? dateTime(o.loadedAt) : "–"}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {objects.length > 200 && <p className={css.small}>The first 200; the curl command gives all.</p>}
          </>
        )}
      </section>
    </>
  );
}

function CopyAs({ scope, state }: { scope: string; state: ExploreState }) {
  const [said, setSaid] = useState("");
  const copy = (text: string, what: string) => void navigator.clipboard.writeText(text).then(() => setSaid(`${what} copied`));
  const shell = (v: string) => `'${v.replaceAll("'", `'\\''`)}'`;
  const question = { ...questionOf(state), ...(scope ? { filter: scope } : {}) };
  const url = (path: string, q: Record<string, string>) => shell(`${apiBase()}${path}?${new URLSearchParams(q).toString()}`);
  const idle = state.idle === "hide" ? " --idle=false" : state.idle === "separate" ? "" : " --share-idle";
  const cli = `fleetcost ${state.source === "assets" ? "assets" : "allocation"} --server ${apiBase()} --window ${shell(question.window ?? "")} --aggregate ${shell(question.aggregate ?? "all")}${
    scope ? ` --filter ${shell(scope)}` : ""
  }${state.source === "assets" ? "" : idle}`;
  return (
    <section aria-labelledby="explain-copy">
      <h3 id="explain-copy">Copy as</h3>
      <div className={css.row}>
        <Button onClick={() => copy(window.location.href, "Link")}>Link</Button>
        <Button onClick={() => copy(`curl ${url(`/api/v1/explore/${state.source}`, question)}`, "curl command")}>curl</Button>
        <Button onClick={() => copy(cli, "CLI command")}>CLI</Button>
        <Button
          onClick={() =>
            copy(
              `curl ${url("/api/v1/sources", { window: question.window ?? "", ...(scope ? { filter: scope } : {}) })}`,
              "curl command for the objects",
            )
          }
        >
          curl for the objects
        </Button>
        <span role="status" className="soft">
          {said}
        </span>
      </div>
    </section>
  );
}
