// The first page: fleet total, clusters, namespaces. It asks the API it was
// loaded from, writes text only with textContent, and keeps its state in the
// address, so that a link shows what its sender saw.

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
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

function showDays(sets) {
  const box = $("days");
  const totals = sets.map((s) => Object.values(s).reduce((sum, r) => sum + r.totalCost, 0));
  const starts = sets.map((s) => Object.values(s)[0]?.window.start);
  const top = Math.max(...totals, 0);
  if (!(top > 0)) {
    box.replaceChildren(element("p", "Nothing was measured in this period."));
    return;
  }
  const wide = Math.max(box.clientWidth, 240);
  const w = wide / totals.length;
  const every = Math.ceil(totals.length / Math.max(1, Math.floor(wide / 60)));
  const svg = shape("svg", { viewBox: `0 0 ${wide} 150`, role: "img", "aria-label": `Cost by day, at most ${money(top)}` });
  totals.forEach((v, i) => {
    const h = (v / top) * 120;
    const r = shape("rect", { x: i * w + w * 0.1, y: 130 - h, width: Math.min(w * 0.8, 120), height: h });
    const t = document.createElementNS(SVG, "title");
    t.textContent = `${(starts[i] || "").slice(0, 10)}: ${money(v)}`;
    r.append(t);
    svg.append(r);
    if (i % every === 0) {
      const label = shape("text", { x: i * w + w * 0.1, y: 145 });
      label.textContent = (starts[i] || "").slice(5, 10);
      svg.append(label);
    }
  });
  box.replaceChildren(svg);
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
        [state, push, element("td", [c.provider, c.region].filter(Boolean).join(" ") || "–"), complete, element("td", share, "n"),
          element("td", cost ? money(cost.totalCost) : "–", "n"), bar(cost && total ? cost.totalCost / total : 0)],
        c.id,
      );
    }),
  );
  $("quarantine").replaceChildren(...(fleet.quarantine || []).map((q) => element("p", `Refused: ${q.key}: ${q.reason}`)));
}

function showNamespaces(rows, total) {
  const part = (r) => r.networkCost + r.loadBalancerCost + r.sharedCost + r.externalCost;
  const cells = (r) => [r.cpuCost, r.ramCost, r.gpuCost, r.pvCost, part(r), r.totalCost].map((v) => element("td", money(v), "n"));
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
    showDays(days.data);
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

const given = new URLSearchParams(location.search);
if ([...$("window").options].some((o) => o.value === given.get("window"))) $("window").value = given.get("window");
$("share").checked = given.get("shareIdle") === "true";
$("window").addEventListener("change", show);
$("share").addEventListener("change", show);
show();
setInterval(show, 60000);
