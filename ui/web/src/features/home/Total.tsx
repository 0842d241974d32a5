import { Link } from "wouter";
import type { Schemas } from "../../api/client";
import type { Pattern } from "../../components/ui";
import { Cost } from "../../components/explain/Cost";
import { Badge, Card, numClass, Swatch, tableClass } from "../../components/ui";
import { compared, comparedNow } from "../../lib/compared";
import { completeness, count, money, percent, relative, rounding, signed, span } from "../../lib/format";
import { partOf } from "../../lib/explained";
import { bands } from "./bands";
import css from "./Home.module.css";

interface Props {
  overview: Schemas["Overview"];
  meta: Schemas["Meta"];
  fleet: Schemas["FleetStatus"] | undefined;
  stale: boolean;
  window: string;
}

/** One number for the fleet, what it is made of, and how much to trust it. */
export function Total({ overview, meta, fleet, stale, window }: Props) {
  const { parts, changes } = overview;
  const total = parts.total;
  const rest = rounding(
    bands.map((b) => parts[b.key]),
    total,
    meta.currency,
  );
  const clusters = meta.completeness.clusters ?? [];
  const expected = clusters.filter((c) => c.hoursExpected > 0);
  const whole = expected.filter((c) => c.hoursPresent >= c.hoursExpected).length;
  const complete = whole === expected.length;
  const share = total > 0 ? overview.defaultCost / total : 0;
  const silent = (fleet?.clusters ?? []).filter((c) => c.state === "silent").length;
  let x = 0;
  return (
    <Card title="Total" note={`${meta.currency}, ${span(meta.window)} UTC`} busy={stale}>
      <p className={css.total} data-testid="total">
        <Cost text={money(total, meta.currency)} of={partOf(meta.window, "total")} what="the total" />
      </p>
      <p className={css.small}>
        <Link href={`/explore?window=${window}&group=team&idle=share&shared=kube-system`}>by team</Link> ·{" "}
        <Link href={`/explore?window=${window}&group=cluster`}>by cluster</Link> ·{" "}
        <Link href={`/explore?window=${window}&group=namespace`}>by namespace</Link>
      </p>
      <div className={css.badges}>
        <Link href="/fleet">
          <Badge
            tone={complete ? "good" : "warn"}
            title={`${count(meta.completeness.hoursPresent)} of ${count(meta.completeness.hoursExpected)} cluster-hours`}
          >
            {complete ? "✓" : "◐"} {whole}/{expected.length} clusters whole,{" "}
            {completeness(meta.completeness.hoursPresent, meta.completeness.hoursExpected)} of hours
          </Badge>
        </Link>
        {silent > 0 && (
          <Link href="/fleet">
            <Badge tone="bad">■ {silent} silent</Badge>
          </Link>
        )}
        <Badge
          tone={share > 0.1 ? "warn" : "plain"}
          title="Cost whose price is a default, not your provider's: set the prices of these in the agent"
        >
          {percent(share)} at default prices
        </Badge>
        <Badge title="No cloud bill is read yet: every price is a list price, your own, or a default">{percent(0)} billed</Badge>
        {changes.used > 0 && (
          <Badge title={`Like for like: ${compared(changes)}`}>
            {relative(changes.total.before, changes.total.after)} like for like, {comparedNow(changes)}
          </Badge>
        )}
      </div>
      <svg className={css.band} viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">
        {total > 0 &&
          bands.map((b) => {
            const w = (parts[b.key] / total) * 1000;
            const rect = (
              <rect key={b.key} className={b.fill} x={x} y="0" width={w} height="20" stroke="var(--surface)" strokeWidth="1.5" />
            );
            x += w;
            return rect;
          })}
      </svg>
      <table className={`${tableClass ?? ""} ${css.parts ?? ""}`}>
        <caption className="sr-only">What the total is made of</caption>
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col" className={numClass}>
              Cost, {meta.currency}
            </th>
            <th scope="col" className={numClass}>
              Share
            </th>
          </tr>
        </thead>
        <tbody>
          {bands.map((b) => (
            <tr key={b.key}>
              <th scope="row">
                <span className={css.name} title={b.meaning}>
                  <Swatch fill={b.fill} pattern={b.pattern satisfies Pattern} />
                  {b.name}
                </span>
                <div className={css.small}>{b.meaning}</div>
              </th>
              <td className={numClass}>
                <Cost text={money(parts[b.key], meta.currency)} of={partOf(meta.window, b.key)} what={b.name} />
              </td>
              <td className={numClass}>{total > 0 ? percent(parts[b.key] / total) : "–"}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">
              Total{" "}
              {rest !== 0 && (
                <span className={css.small}>
                  with <span data-testid="rounding">{signed(rest, meta.currency)}</span> of rounding
                </span>
              )}
            </th>
            <td className={numClass}>
              <Cost text={money(total, meta.currency)} of={partOf(meta.window, "total")} what="the total of the parts" />
            </td>
            <td className={numClass}>{total > 0 ? percent(1) : "–"}</td>
          </tr>
        </tfoot>
      </table>
    </Card>
  );
}
