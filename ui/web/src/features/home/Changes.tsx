import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import { Cost, walkCosts } from "../../components/explain/Cost";
import { Badge, Card, numClass, scrollClass, Segmented, Select, Swatch, tableClass } from "../../components/ui";
import type { Explained } from "../../lib/explained";
import { windowOf } from "../../lib/explained";
import { compared } from "../../lib/compared";
import { count, money, relative, signed } from "../../lib/format";
import { readable } from "../../lib/names";
import css from "./Home.module.css";
import { changeGroups, changePeriods } from "./state";

type Period = (typeof changePeriods)[number]["value"];
type Group = (typeof changeGroups)[number]["value"];

interface Props {
  overview: Schemas["Overview"];
  currency: string;
  stale: boolean;
  period: Period;
  by: Group;
  onChange: (change: { changes?: Period; by?: Group }) => void;
}

const shownRows = 8;
const reasons: Record<string, string> = {
  new: "new, nothing to compare with",
  gone: "gone",
  incomplete: "hours are missing",
  hours: "hours of a part of a day are no longer at hand",
};

/** Who moved the total: price and volume apart, like for like. */
export function Changes({ overview, currency, stale, period, by, onChange }: Props) {
  const c = overview.changes;
  const rows = c.rows.filter((r) => Math.abs(r.change) >= 0.005).slice(0, shownRows);
  const days = c.current.start && c.previous.start ? (Date.parse(c.current.start) - Date.parse(c.previous.start)) / 86_400_000 : 7;
  const explained = (row: string): Explained => ({
    source: "allocation",
    query: { window: windowOf(c.current), aggregate: by, accumulate: "all" },
    row,
    column: "change",
    compare: `${days}d`,
  });
  const scale = Math.max(...rows.map((r) => Math.max(Math.abs(r.price), Math.abs(r.volume), Math.abs(r.change))), 0);
  return (
    <Card
      title="What changed"
      note={c.used > 0 ? `${currency}, ${compared(c)}` : "like for like"}
      busy={stale}
      actions={
        <div className={css.controls}>
          <Segmented label="Compared period" value={period} choices={changePeriods} onChange={(changes) => onChange({ changes })} />
          <Select label="Changes by" value={by} choices={changeGroups} onChange={(g) => onChange({ by: g })} />
        </div>
      }
    >
      {c.used === 0 ? (
        <p className="soft">
          No cluster has the same hours in both periods, so nothing can be compared like for like. Choose a shorter period, or wait until
          the fleet has more history.
        </p>
      ) : (
        <div className={scrollClass} tabIndex={0} role="region" aria-label="Largest changes" onKeyDown={walkCosts}>
          <table className={tableClass}>
            <caption className="sr-only">Largest changes, price and volume apart</caption>
            <thead>
              <tr>
                <th scope="col">{changeGroups.find((g) => g.value === by)?.label}</th>
                <th scope="col" className={numClass}>
                  Before
                </th>
                <th scope="col" className={numClass}>
                  Now
                </th>
                <th scope="col" className={numClass}>
                  Change
                </th>
                <th scope="col" className={numClass}>
                  Price
                </th>
                <th scope="col" className={numClass}>
                  Volume
                </th>
                <th scope="col" className={css.drawn}>
                  <span className={css.name}>
                    <Swatch fill="series-3" /> price <Swatch fill="series-0" /> volume
                  </span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.length === 0 && (
                <tr>
                  <td colSpan={7} className="soft">
                    Nothing changed by a cent or more.
                  </td>
                </tr>
              )}
              {rows.map((r) => (
                <tr key={r.name}>
                  <th scope="row">
                    <Mover name={r.name} by={by} /> {r.state !== "same" && <Badge tone="accent">{r.state}</Badge>}
                  </th>
                  <td className={numClass}>
                    <Cost text={money(r.before, currency)} of={explained(r.name)} what={`${readable(r.name)} before`} stop={false} />
                  </td>
                  <td className={numClass}>
                    <Cost text={money(r.after, currency)} of={explained(r.name)} what={`${readable(r.name)} now`} stop={false} />
                  </td>
                  <td className={`${numClass ?? ""} ${(r.change > 0 ? css.up : css.down) ?? ""}`}>
                    <Cost text={signed(r.change, currency)} of={explained(r.name)} what={`the change of ${readable(r.name)}`} />{" "}
                    <span className={css.small}>{relative(r.before, r.after)}</span>
                  </td>
                  <td className={numClass}>
                    <Cost text={signed(r.price, currency)} of={explained(r.name)} what={`${readable(r.name)} by price`} stop={false} />
                  </td>
                  <td className={numClass}>
                    <Cost text={signed(r.volume, currency)} of={explained(r.name)} what={`${readable(r.name)} by volume`} stop={false} />
                  </td>
                  <td className={css.drawn}>
                    <Diverging price={r.price} volume={r.volume} scale={scale} />
                  </td>
                </tr>
              ))}
            </tbody>
            <tfoot>
              <tr>
                <th scope="row">All {count(c.rowCount)}</th>
                <td className={numClass}>
                  <Cost text={money(c.total.before, currency)} of={explained("*")} what="all before" stop={false} />
                </td>
                <td className={numClass}>
                  <Cost text={money(c.total.after, currency)} of={explained("*")} what="all now" stop={false} />
                </td>
                <td className={numClass}>
                  <Cost text={signed(c.total.change, currency)} of={explained("*")} what="the change of all" />
                </td>
                <td className={numClass}>
                  <Cost text={signed(c.total.price, currency)} of={explained("*")} what="all by price" stop={false} />
                </td>
                <td className={numClass}>
                  <Cost text={signed(c.total.volume, currency)} of={explained("*")} what="all by volume" stop={false} />
                </td>
                <td className={css.drawn} />
              </tr>
            </tfoot>
          </table>
        </div>
      )}
      <p className={css.legend}>
        <span>
          Compared: {count(c.used)} of {count(c.pairs)} cluster-days, with the same hours in both periods.
        </span>
        {c.leftOut.length > 0 && (
          <span>
            Left out:{" "}
            {c.leftOut
              .slice(0, 4)
              .map((l) => `${l.cluster} (${l.days} d, ${reasons[l.reason] ?? l.reason})`)
              .join("; ")}
            {c.leftOut.length > 4 && ` and ${c.leftOut.length - 4} more`}.
          </span>
        )}
      </p>
    </Card>
  );
}

function Mover({ name, by }: { name: string; by: Group }) {
  if (name.startsWith("__")) return <>{readable(name)}</>;
  const key = by === "controller" ? "controllerName" : by;
  return (
    <Link href={`/explore?window=last7d&group=cluster&filter=${encodeURIComponent(`${key}:"${name}"`)}&compare=previous`}>
      {readable(name)}
    </Link>
  );
}

/** Price and volume from a middle line: up is right. */
function Diverging({ price, volume, scale }: { price: number; volume: number; scale: number }) {
  const w = (v: number) => (scale > 0 ? (Math.abs(v) / scale) * 50 : 0);
  const at = (v: number) => (v >= 0 ? 50 : 50 - w(v));
  return (
    <svg className={css.bar} viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">
      <rect x={at(price)} y="0" width={w(price)} height="5" className="series-3" strokeWidth="0" />
      <rect x={at(volume)} y="6.5" width={w(volume)} height="5" className="series-0" strokeWidth="0" />
      <line x1="50" x2="50" y1="0" y2="12" stroke="var(--line-strong)" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
