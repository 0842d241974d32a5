import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { apiBase } from "../../api/client";
import { exploreQuery } from "../../api/queries";
import { Cost } from "../../components/explain/Cost";
import { FirstRunOr } from "../../components/FirstRun";
import { Badge, Button, Card, Failure, Notice, Segmented, Select, Skeleton } from "../../components/ui";
import { WindowPicker } from "../../components/WindowPicker";
import type { Column, Explained } from "../../lib/explained";
import { columnOf, windowOf } from "../../lib/explained";
import { parseFilter, formatFilter } from "../../lib/filter";
import { compared } from "../../lib/compared";
import { completeness, count, money, relative, signed, span } from "../../lib/format";
import { part } from "../../lib/names";
import { useShortcuts } from "../../lib/shortcuts";
import { useUrlState } from "../../lib/urlState";
import { windowOfSpan } from "../../lib/window";
import { FilterBar, GroupBy } from "./Controls";
import { DataTable } from "./DataTable";
import css from "./Explore.module.css";
import { Picture } from "./Picture";
import { Hidden } from "./Hidden";
import type { Row } from "./rows";
import { columnsOf, sorted, toCSV, toJSON } from "./rows";
import type { ExploreState } from "./state";
import { charts, compares, exploreFields, filterKey, idles, metrics, nextDimension, overheads, questionOf, sources, steps } from "./state";

/** The one page that asks any question; its address is the question. */
export function Explore() {
  const [state, set] = useUrlState<ExploreState>(exploreFields);
  const question = useMemo(() => questionOf(state), [state]);
  const answer = useQuery(exploreQuery(state.source, question));
  const meta = answer.data?.meta;
  const explore = answer.data?.data;
  const hours = meta ? elapsedHours(meta.window, answer.dataUpdatedAt) : 0;
  const currency = meta?.currency ?? "USD";
  const columns = useMemo(
    () =>
      explore && meta
        ? columnsOf(explore.rows, {
            source: state.source,
            group: state.group,
            currency: meta.currency,
            metric: state.metric,
            hours,
            compared: explore.changes !== undefined,
            total: meta.totalCost,
          })
        : [],
    [explore, meta, state.source, state.group, state.metric, hours],
  );
  const rows = useMemo(
    () => (explore ? sorted(explore.rows, columns, state.sort, state.metric) : []),
    [explore, columns, state.sort, state.metric],
  );

  const explained = (row: string, column: Column, more: Partial<Explained> = {}): Explained => {
    const { window, aggregate, compare, ...rest } = question;
    return {
      source: state.source,
      query: { ...rest, aggregate: aggregate ?? "all", window: meta ? windowOf(meta.window) : (window ?? "") },
      row,
      column,
      ...(column === "change" && compare ? { compare } : {}),
      ...more,
    };
  };
  // Not one cluster is known: there is nothing to ask yet.
  const nothing = meta?.rowCount === 0 && (meta.completeness.clusters ?? []).length === 0;
  const open = (row: Row): (() => void) | null => {
    const last = state.group.at(-1);
    if (last === undefined || row.kind === "idle" || row.kind === "overhead" || row.kind === "shared") return null;
    const keys = row.key.slice(0, state.group.length);
    if (keys.length !== state.group.length || keys.some((k) => k.startsWith("__") || k === "")) return null;
    const next = nextDimension(last, state.source, state.group);
    const terms = parseFilter(state.filter);
    if (next === null || terms === null) return null;
    return () =>
      set({
        filter: formatFilter([
          ...terms,
          ...state.group.map((g, i) => ({ key: filterKey(g, state.source), op: ":" as const, values: [keys[i] ?? ""] })),
        ]),
        group: [next],
        sort: "",
      });
  };

  return (
    <div className={css.stack}>
      <div className={css.head}>
        <h1>Explore</h1>
        <WindowPicker value={state.window} onChange={(window) => set({ window })} />
      </div>
      <Card title="Question" actions={<Send state={state} rows={rows} columns={columns} meta={meta} />}>
        <div className={css.controls}>
          <div className={css.row}>
            <Segmented
              label="Source"
              value={state.source}
              choices={sources}
              onChange={(source) =>
                set({ source, group: source === "assets" ? ["type"] : ["namespace"], filter: "", sort: "", metric: "cost" })
              }
            />
            <Select label="Step" value={state.step} choices={steps} onChange={(step) => set({ step })} />
            <Select label="Compare" value={state.compare} choices={compares} onChange={(compare) => set({ compare })} />
            {state.source === "allocation" && (
              <>
                <Select label="Idle" value={state.idle} choices={idles} onChange={(idle) => set({ idle })} />
                <Select label="Overhead" value={state.overhead} choices={overheads} onChange={(overhead) => set({ overhead })} />
                <Select
                  label="Shared namespaces"
                  value={state.shared.join(",")}
                  choices={[
                    { value: "", label: "Shared: nothing" },
                    { value: "kube-system", label: "Shared: kube-system" },
                    { value: "kube-system,monitoring", label: "Shared: kube-system, monitoring" },
                    ...(["", "kube-system", "kube-system,monitoring"].includes(state.shared.join(","))
                      ? []
                      : [{ value: state.shared.join(","), label: `Shared: ${state.shared.join(", ")}` }]),
                  ]}
                  onChange={(v) => set({ shared: v === "" ? [] : v.split(",") })}
                />
              </>
            )}
            <Select
              label="Metric"
              value={state.metric}
              choices={metrics.filter((m) => state.source === "allocation" || (m.value !== "wasted" && m.value !== "efficiency"))}
              onChange={(metric) => set({ metric, sort: "" })}
            />
          </div>
          <GroupBy source={state.source} window={state.window} group={state.group} onChange={(group) => set({ group, sort: "" })} />
          <FilterBar source={state.source} window={state.window} filter={state.filter} onChange={(filter) => set({ filter })} />
          <Crumbs state={state} set={set} />
        </div>
      </Card>
      {answer.data?.warning && <Notice tone="warn" title={answer.data.warning} />}
      {answer.error && (
        <Failure
          what={explore ? "The latest numbers could not be read." : "This question could not be answered."}
          error={answer.error}
          still={explore ? "What is shown is the last answer." : "The question stands in the address: change it above."}
          retry={() => void answer.refetch()}
        />
      )}
      {!explore && answer.isPending && (
        <div role="group" aria-busy="true" aria-label="Loading" className={css.stack}>
          <Skeleton height="24rem" />
          <Skeleton height="24rem" />
        </div>
      )}
      {explore && meta && nothing && (
        <FirstRunOr>
          <Notice title="The bucket has no cost in this period." />
        </FirstRunOr>
      )}
      {explore && meta && !nothing && (
        <>
          <Card
            title="Answer"
            note={`${currency}, ${span(meta.window)} UTC`}
            busy={answer.isPlaceholderData}
            actions={<Segmented label="Chart" value={state.chart} choices={charts} onChange={(chart) => set({ chart })} />}
          >
            <div className={css.sumup}>
              <span className={css.total} data-testid="total">
                <Cost text={money(meta.totalCost, currency)} of={explained("*", "total")} what="the total" />
              </span>
              <Badge tone={meta.completeness.hoursPresent < meta.completeness.hoursExpected ? "warn" : "good"}>
                {completeness(meta.completeness.hoursPresent, meta.completeness.hoursExpected)} of hours
              </Badge>
              <Hidden state={state} set={set} />
              {explore.changes &&
                (explore.changes.used > 0 ? (
                  <Badge
                    title={`${count(explore.changes.used)} of ${count(explore.changes.pairs)} cluster-days have the same hours in both periods`}
                  >
                    {signed(explore.changes.total.change, currency)} ({relative(explore.changes.total.before, explore.changes.total.after)})
                    like for like, {compared(explore.changes)}
                  </Badge>
                ) : (
                  <Badge tone="warn">no cluster has the same hours in both periods: nothing to compare</Badge>
                ))}
            </div>
            {rows.length === 0 ? (
              <p className="soft">Nothing in this period passes the filter.</p>
            ) : (
              state.chart !== "none" && (
                <Picture
                  explore={explore}
                  rows={rows}
                  metric={state.metric}
                  hours={hours}
                  currency={currency}
                  kind={state.chart}
                  groups={state.group.length}
                  onOpen={open}
                  onPick={(a, b) => set({ window: windowOfSpan(a, b) })}
                  explained={explained}
                />
              )
            )}
          </Card>
          <Card
            title={`${count(meta.rowCount)} ${meta.rowCount === 1 ? "row" : "rows"}`}
            note={`${currency}, ${span(meta.window)} UTC`}
            busy={answer.isPlaceholderData}
          >
            <DataTable
              label="Rows"
              rows={rows}
              columns={columns}
              sort={state.sort || "-total"}
              onSort={(sort) => set({ sort })}
              onOpen={open}
              explained={(row, column) => {
                const c = columnOf(column);
                return c && explained(row ? row.name : "*", c);
              }}
            />
          </Card>
          <p className="sr-only" role="status">
            {count(meta.rowCount)} rows, {money(meta.totalCost, currency)}
          </p>
        </>
      )}
    </div>
  );
}

/** Hours of a window that have begun. */
function elapsedHours(w: { start: string | null; end: string | null }, now: number): number {
  if (!w.start || !w.end) return 0;
  const end = Math.min(Date.parse(w.end), Math.ceil(now / 3_600_000) * 3_600_000);
  return Math.max(0, (end - Date.parse(w.start)) / 3_600_000);
}

/** The dimension of a filter key. */
function groupOf(key: string): string {
  const other: Record<string, string> = { controllerName: "controller", services: "service", assetType: "type" };
  return key.startsWith("label[") ? `label:${key.slice(6, -1)}` : (other[key] ?? key);
}

/** The way in, and back out of it. */
function Crumbs({ state, set }: { state: ExploreState; set: (change: Partial<ExploreState>) => void }) {
  const terms = parseFilter(state.filter);
  const up = () => {
    const last = terms?.at(-1);
    if (last) set({ filter: formatFilter((terms ?? []).slice(0, -1)), group: [groupOf(last.key)], sort: "" });
  };
  useShortcuts([{ keys: "Backspace", does: "Out of the last step in", run: up }]);
  if (!terms || terms.length === 0) return null;
  return (
    <nav aria-label="Breadcrumbs">
      <ol className={css.crumbs}>
        <li>
          <button type="button" onClick={() => set({ filter: "", group: [groupOf(terms[0]?.key ?? "namespace")], sort: "" })}>
            Fleet
          </button>
        </li>
        {terms.map((t, i) => {
          const name = `${t.op === ":" ? "" : `${t.key} ${t.op} `}${t.values.map(part).join(" or ")}`;
          const next = terms[i + 1];
          return (
            <li key={i}>
              {next ? (
                <button
                  type="button"
                  onClick={() => set({ filter: formatFilter(terms.slice(0, i + 1)), group: [groupOf(next.key)], sort: "" })}
                >
                  {name}
                </button>
              ) : (
                <span aria-current="location">{name}</span>
              )}
            </li>
          );
        })}
      </ol>
    </nav>
  );
}

/** Exactly this view to somebody else: link, file, or the question itself. */
function Send({
  state,
  rows,
  columns,
  meta,
}: {
  state: ExploreState;
  rows: readonly Row[];
  columns: ReturnType<typeof columnsOf>;
  meta: { currency: string; dataVersion: string; totalCost: number; window: { start: string | null; end: string | null } } | undefined;
}) {
  const [said, setSaid] = useState("");
  const copy = (text: string, what: string) => void navigator.clipboard.writeText(text).then(() => setSaid(`${what} copied`));
  const save = (text: string, type: string, ending: string) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = `fleetcost-${state.source}-${(meta?.window.start ?? "").slice(0, 13)}-${(meta?.window.end ?? "").slice(0, 13)}.${ending}`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const curl = () => {
    const q = new URLSearchParams(questionOf(state));
    return `curl '${apiBase()}/api/v1/explore/${state.source}?${q.toString().replaceAll("'", "%27")}'`;
  };
  return (
    <div className={css.row}>
      <span className="soft" role="status">
        {said}
      </span>
      <Button onClick={() => copy(window.location.href, "Link")}>Copy link</Button>
      <Button onClick={() => copy(curl(), "curl command")}>Copy curl</Button>
      <Button disabled={!meta} onClick={() => save(toCSV(rows, columns), "text/csv", "csv")}>
        CSV
      </Button>
      <Button
        disabled={!meta}
        onClick={() =>
          save(
            toJSON(rows, columns, {
              window: meta?.window,
              currency: meta?.currency,
              dataVersion: meta?.dataVersion,
              totalCost: meta?.totalCost,
            }),
            "application/json",
            "json",
          )
        }
      >
        JSON
      </Button>
    </div>
  );
}
