// The first page: fleet total, clusters, namespaces. It asks the API it was
// loaded from, writes text only with textContent, and keeps its state in the
// address, so that a link shows what its sender saw.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const HOUR = 3600e3;
const DAY = 24 * HOUR;
const special = new Set(["__idle__", "__overhead__", "__unmounted__", "__unallocated__"]);
const meaning = {
  __idle__: "Idle: paid for, used and reserved by nothing",
  __overhead__: "Overhead: boot disks, control planes",
  __unmounted__: "Unmounted: volumes and balancers that no pod holds",
  __unallocated__: "Without a namespace",
};

function element(tag, text, className) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function shape(tag, attributes) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

async function ask(path, params) {
  const resp = await fetch(`../${path}${params ? "?" + new URLSearchParams(params) : ""}`, { headers: { Accept: "application/json" } });
  const body = await resp.json();
  if (resp.ok) return body;
  const err = new Error(body.message || resp.statusText);
  err.later = resp.status === 503; // loading: it will do in a moment
  err.reason = body.reason;
  throw err;
}

let currency = "USD";
function money(v) {
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(v);
  } catch {
    return `${v.toFixed(2)} ${currency}`; // a currency the browser does not know
  }
}
function brief(v) {
  const digits = Math.abs(v) < 100 ? 2 : 0;
  try {
    const compact = Math.abs(v) >= 10000 ? { notation: "compact", maximumFractionDigits: 1 } : { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return new Intl.NumberFormat(undefined, { style: "currency", currency, ...compact }).format(v);
  } catch {
    return v.toFixed(digits);
  }
}
const percent = (v) => new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 }).format(v);
const floor = (v) => (v >= 1 ? percent(1) : percent(Math.min(v, 0.999))); // nearly complete is not complete

function ago(text) {
  if (!text) return "never";
  const s = Math.max(0, (Date.now() - Date.parse(text)) / 1000);
  const f = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  if (s < 5400) return f.format(-Math.round(s / 60), "minute");
  if (s < 129600) return f.format(-Math.round(s / 3600), "hour");
  return f.format(-Math.round(s / 86400), "day");
}

function bar(part) {
  const svg = shape("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": percent(part) });
  svg.append(shape("rect", { class: "track", width: 100, height: 8 }), shape("rect", { class: "part", width: Math.max(0, Math.min(100, 100 * part)), height: 8 }));
  const td = element("td");
  td.append(svg);
  return td;
}

function row(cells, name, title, className) {
  const tr = element("tr", undefined, className);
  const th = element("th", name);
  th.scope = "row";
  if (title) th.title = title;
  tr.append(th, ...cells);
  return tr;
}

// dayHours says of each set how much of its day is there: today is not over,
// and a day with gaps looks cheaper than it was.
function dayHours(sets, meta, fleet) {
  const begin = Date.parse(meta.window.start);
  const end = Date.parse(meta.window.end);
  const first = Math.floor(begin / DAY) * DAY;
  return sets.map((set, i) => {
    const from = Math.max(begin, first + i * DAY);
    const hours = (Math.min(end, first + (i + 1) * DAY) - from) / HOUR;
    const date = new Date(from).toISOString().slice(0, 10);
    const days = fleet.clusters.flatMap((c) => c.days.filter((d) => d.date === date));
    const due = days.reduce((s, d) => s + d.hoursExpected, 0);
    const there = days.reduce((s, d) => s + Math.min(d.hoursPresent, d.hoursExpected), 0);
    const elapsed = Math.min(hours, Math.max(0, ...days.map((d) => Math.max(d.hoursExpected, d.hoursPresent))));
    const day = { date, value: Object.values(set).reduce((sum, r) => sum + r.totalCost, 0), short: "", note: "" };
    if (elapsed < 24) {
      day.short = `${elapsed}/24 h`;
      day.note = `partial, ${elapsed} of 24 h`;
    }
    if (there < due && hours === 24) {
      day.short ||= floor(there / due);
      day.note += `${day.note ? "; " : "partial, "}${there} of ${due} cluster-hours`;
    }
    return day;
  });
}

// hatch is the fill of incomplete days.
function hatch() {
  const defs = shape("defs", {});
  const pattern = shape("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(shape("rect", { class: "ground", width: 6, height: 6 }), shape("rect", { class: "stripe", width: 2.5, height: 6 }));
  defs.append(pattern);
  return defs;
}

function showDays(sets, meta, fleet) {
  const box = $("days");
  const days = dayHours(sets, meta, fleet);
  const top = Math.max(...days.map((d) => d.value), 0);
  if (!(top > 0)) {
    box.replaceChildren(element("p", "Nothing was measured in this period."));
    return;
  }
  const wide = Math.max(box.clientWidth, 240);
  const w = wide / days.length;
  const upright = w < 48; // amounts stand on end where bars are narrow
  const every = Math.ceil(48 / w);
  const head = upright ? 52 : 18;
  const base = head + 120;
  const size = Math.min(w * 0.8, 120);
  const svg = shape("svg", { viewBox: `0 0 ${wide} ${base + 32}`, height: base + 32, role: "img", "aria-label": `Cost by day: ${days.map((d) => `${d.date} ${money(d.value)}${d.note ? ` (${d.note})` : ""}`).join(", ")}` });
  const write = (text, x, y, className, turned) => {
    const t = shape("text", { x, y, class: className, "text-anchor": turned ? "start" : "middle", ...(turned ? { transform: `rotate(-90 ${x} ${y})` } : {}) });
    t.textContent = text;
    svg.append(t);
  };
  svg.append(hatch(), shape("line", { x1: 0, x2: wide, y1: base, y2: base }));
  days.forEach((d, i) => {
    const h = (d.value / top) * 120;
    const middle = (i + 0.5) * w;
    const r = shape("rect", { class: d.note ? "partial" : "whole", x: middle - size / 2, y: base - h, width: size, height: h, ...(d.note ? { fill: "url(#hatch)" } : {}) });
    const t = document.createElementNS(SVG, "title");
    t.textContent = `${d.date}: ${money(d.value)}${d.note ? ` (${d.note})` : ""}`;
    r.append(t);
    svg.append(r);
    if (d.value > 0 && (w >= 10 || i % every === 0)) write(brief(d.value), middle + (upright ? 4 : 0), base - h - 4, "amount", upright);
    if (i % every === 0) write(d.date.slice(5), Math.max(middle, 16), base + 14, "date");
    if (d.short && !upright) write(d.short, middle, base + 28, "warn");
  });
  const partial = days.filter((d) => d.note && d.value > 0); // nothing at all is seen without hatching
  const more = partial.length > 4 ? `; and ${partial.length - 4} more` : "";
  const list = partial.slice(-4).map((d) => `${d.date.slice(5)} ${d.note}`).join("; ");
  const legend = `Hatched days are partial and look cheaper than they were${upright ? `: ${list}${more}` : ""}.`;
  box.replaceChildren(svg, ...(partial.length ? [element("p", legend, "detail")] : []));
}

function showClusters(fleet, costs, meta) {
  const total = Object.values(costs).reduce((s, a) => s + a.totalCost, 0);
  const hours = new Map(meta.completeness.clusters.map((c) => [c.cluster, c]));
  const clusters = [...fleet.clusters].sort((a, b) => (costs[b.id]?.totalCost || 0) - (costs[a.id]?.totalCost || 0));
  $("clusters").replaceChildren(
    ...clusters.map((c) => {
      const cost = costs[c.id];
      const h = hours.get(c.id);
      const state = element("td", c.state, c.state);
      const problems = [...(c.problems || []), ...(c.missing || [])];
      if (problems.length) {
        state.append(element("span", ` · ${problems.length} ${problems.length > 1 ? "problems" : "problem"}`, "warn"));
        state.title = problems.map((p) => (p.fix ? `${p.message} (${p.fix})` : p.message)).join("\n");
      }
      const push = element("td", ago(c.lastPush));
      push.title = c.lastPush || "";
      const complete = element("td", h && h.hoursExpected ? floor(h.hoursPresent / h.hoursExpected) : "–", "n");
      if (h && h.hoursPresent < h.hoursExpected) {
        complete.classList.add("warn");
        complete.title = `${h.hoursPresent} of ${h.hoursExpected} hours`;
      }
      const share = cost && cost.totalCost > 0 ? percent(cost.defaultCost / cost.totalCost) : "–";
      return row(
        [element("td", cost ? money(cost.totalCost) : "–", "n"), complete, state, element("td", share, "n"), push,
          element("td", [c.provider, c.region].filter(Boolean).join(" ") || "–"), bar(cost && total ? cost.totalCost / total : 0)],
        c.id,
      );
    }),
  );
  $("quarantine").replaceChildren(...(fleet.quarantine || []).map((q) => element("p", `Refused: ${q.key}: ${q.reason}`)));
}

function showNamespaces(rows, total) {
  const part = (r) => r.networkCost + r.loadBalancerCost + r.sharedCost + r.externalCost;
  const cells = (r) => [r.totalCost, r.cpuCost, r.ramCost, r.gpuCost, r.pvCost, part(r)].map((v) => element("td", money(v), "n"));
  $("namespaces").replaceChildren(
    ...rows.map((r) => row([...cells(r), bar(total ? r.totalCost / total : 0)], r.name, meaning[r.name], special.has(r.name) ? "special" : "")),
  );
  const sum = rows.reduce((s, r) => {
    for (const k of ["cpuCost", "ramCost", "gpuCost", "pvCost", "networkCost", "loadBalancerCost", "sharedCost", "externalCost", "totalCost"]) s[k] = (s[k] || 0) + r[k];
    return s;
  }, {});
  $("sum").replaceChildren(rows.length ? row([...cells(sum), element("td")], "Total") : element("tr"));
}

function notice(parts) {
  const joined = parts.filter(Boolean).join(" ");
  const text = joined.charAt(0).toUpperCase() + joined.slice(1);
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// One page shows one version of the data: when a push arrives between two
// questions, all are asked again.
async function load(window, share) {
  const common = { window, accumulate: "true" };
  const whole = { ...common, idle: "true", includeOverhead: "true", shareTenancyCosts: "false" };
  for (let attempt = 0; ; attempt++) {
    const [fleet, assets, namespaces, days] = await Promise.all([
      ask("api/v1/fleet"),
      ask("model/assets", { ...common, aggregate: "cluster" }),
      ask("allocation", { ...whole, aggregate: "namespace", shareIdle: String(share) }),
      ask("allocation", { ...whole, aggregate: "all", accumulate: "day" }),
    ]);
    const versions = new Set([assets, namespaces, days].map((a) => a.meta.dataVersion));
    if (versions.size === 1 || attempt === 2) return { fleet: fleet.data, assets, namespaces, days, mixed: versions.size > 1 };
  }
}

let latest = 0;
async function show() {
  const turn = ++latest;
  const window = $("window").value;
  const share = $("share").checked;
  const state = new URLSearchParams({ window, ...(share ? { shareIdle: "true" } : {}) });
  history.replaceState(null, "", `?${state}`);
  try {
    const { fleet, assets, namespaces, days, mixed } = await load(window, share);
    if (turn !== latest) return; // a newer choice is on its way
    const meta = namespaces.meta;
    currency = meta.currency || fleet.currency || "USD";
    const costs = assets.data[0] || {};
    const rows = Object.values(namespaces.data[0] || {});
    const total = Number(meta.totalCost);
    const paid = Object.values(costs).reduce((s, a) => s + a.totalCost, 0);
    const byDefault = Object.values(costs).reduce((s, a) => s + a.defaultCost, 0);
    const idle = rows.filter((r) => r.name.endsWith("__idle__")).reduce((s, r) => s + r.totalCost, 0)
      + rows.reduce((s, r) => s + r.cpuCostIdle + r.ramCostIdle + r.gpuCostIdle, 0);
    $("total").textContent = money(total);
    $("period").textContent = `${meta.window.start.replace(":00Z", "")} to ${meta.window.end.replace(":00Z", "")} UTC`;
    const c = meta.completeness;
    $("complete").textContent = c.hoursExpected ? floor(c.hoursPresent / c.hoursExpected) : "–";
    $("hours").textContent = `${c.hoursPresent.toLocaleString()} of ${c.hoursExpected.toLocaleString()} cluster-hours`;
    $("default").textContent = paid > 0 ? percent(byDefault / paid) : "–";
    $("idle").textContent = total > 0 ? percent(idle / total) : "–";
    showDays(days.data, days.meta, fleet);
    showClusters(fleet, costs, meta);
    showNamespaces(rows, total);
    $("version").textContent = `fleetcost ${fleet.version || ""}, data ${meta.dataVersion.slice(0, 12)}`;
    $("csv").href = `../allocation?${new URLSearchParams({ window, aggregate: "namespace", accumulate: "true", idle: "true", includeOverhead: "true", shareIdle: String(share), format: "csv" })}`;
    notice([
      !fleet.clusters.length && "No cluster has pushed yet: run fleetcost-agent in a cluster, with the storage config of this server.",
      fleet.syncError && `The bucket cannot be read: ${fleet.syncError}.`,
      mixed && "New data is arriving; the parts of this page may be of different versions.",
      namespaces.warning && `${namespaces.warning}.`,
      Math.abs(paid - total) > 0.01 && "Workloads and assets do not add up; please report this.",
    ]);
  } catch (err) {
    if (turn !== latest) return;
    notice([err.later ? `${err.reason || err.message}. This page shows the numbers once they are there.` : `The numbers could not be loaded: ${err.message}`]);
    if (err.later) setTimeout(() => turn === latest && show(), 3000);
  }
}

// choose takes the period of a link, also one that the list does not offer.
function choose(period) {
  if (!period) return;
  if (![...$("window").options].some((o) => o.value === period)) $("window").append(new Option(period.replace(",", " to "), period));
  $("window").value = period;
}

const given = new URLSearchParams(location.search);
choose(given.get("window"));
$("share").checked = given.get("shareIdle") === "true";
$("window").addEventListener("change", show);
$("share").addEventListener("change", show);
show();
setInterval(show, 60000);
