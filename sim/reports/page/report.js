// One scenario's report. `fill` is called by `draw`, for the language and the queue that are chosen.
function fill() {
  const title = data.titles[state.lang] || data.title;
  document.title = title;
  document.getElementById("title").textContent = title;
  document.getElementById("about").textContent = say("about", { ...data.about, runs: data.runs });
  const choice = element("select", { "aria-label": say("queue"), onchange: (event) => { state.of = event.target.value; draw(); } },
    ...Object.keys(data.series).map((name) => element("option", { value: name, text: name || say("all_queues"), ...(name === state.of ? { selected: "" } : {}) })));
  document.getElementById("controls").append(choice, ...languages());
  cards();
  arrivals();
  levels();
  waits();
  queues();
  occupancy();
  shares();
  steps();
  money();
  worst();
  summary();
  for (const [dimension, rows] of Object.entries(data.tables)) breakdown(dimension, rows);
  staff();
}

const series = (measure, name = state.of) => data.series[name][measure];
const chosen = (text) => (state.of ? `${text} · ${state.of}` : text);

function cards() {
  const box = element("div", { class: "cards" });
  for (const [measure, interval] of data.cards) {
    const found = data.summary.find((row) => row.measure === measure);
    const [mean, half] = found[interval];
    box.append(element("div", { class: "card" },
      element("span", { text: interval === "window" ? `${words(measure)} (08:00–24:00)` : words(measure) }),
      element("b", { text: shown(mean, unit(measure)) }),
      element("span", { text: half === null ? say("one_run") : `± ${shown(half, unit(measure))}` })));
  }
  document.getElementById("main").append(box);
}

function arrivals() {
  const option = axes("contacts", { gap: true, wide: true });
  const bars = (measure, color) => ({ name: words(measure), type: "bar", barGap: "-100%", barCategoryGap: "25%", itemStyle: { color }, data: series(measure).mean,
    tooltip: { valueFormatter: (value) => shown(value ?? null, "contacts") } });
  const capacity = state.of ? [] : band(words("capacity_contacts"), series("capacity_contacts"), "contacts", "#18794e");
  chart(chosen(say("arrivals")), say("arrivals_note"), lines(option, [bars("submitted", "#bfd3f2"), bars("to_people", "#2563c9")], capacity), { wide: true, height: 340 });
}

function levels() {
  const top = { ceiling: 1 };
  chart(chosen(say("levels", { within: span(data.within_ms) })), say("levels_note"), lines(axes("share", { max: 1 }),
    band(words("sl_all"), series("sl_all"), "share", COLORS[0], top), band(words("sl_excl_ab_t"), series("sl_excl_ab_t"), "share", COLORS[2], top),
    band(words("sl_served"), series("sl_served"), "share", COLORS[9], top), band(words("reply_rate"), series("reply_rate"), "share", COLORS[1], top),
    band(words("abandonment"), series("abandonment"), "share", COLORS[7], top)));
}

function waits() {
  chart(chosen(say("waits")), say("waits_note"), lines(axes("ms"),
    ...["asa_ms", "wait_p50_ms", "wait_p90_ms", "wait_p95_ms", "wait_p99_ms"].map((measure, at) => band(words(measure), series(measure), "ms", COLORS[[0, 2, 1, 7, 9][at]]))));
}

function queues() {
  const names = state.of ? [state.of] : Object.keys(data.series).filter((name) => name);
  const all = state.of ? [] : band(say("all_queues"), series("queue_length"), "contacts", "#1d2530");
  chart(chosen(say("queue_lengths")), say("queue_lengths_note"), lines(axes("contacts"), all,
    ...names.map((name, at) => band(name, { mean: series("queue_length", name).mean, half: state.of ? series("queue_length", name).half : [] }, "contacts", COLORS[at % COLORS.length]))));
}

function occupancy() {
  const { pools, cells } = data.heat;
  if (!pools.length) return;
  const left = Math.min(180, 20 + 8 * Math.max(...pools.map((pool) => pool.length)));
  chart(say("occupancy"), say("occupancy_note"), {
    grid: { left, right: 24, top: 20, bottom: 84 },
    tooltip: { confine: true, valueFormatter: (value) => shown(Array.isArray(value) ? value[2] : value, "share") },
    xAxis: { type: "category", data: data.labels, axisLabel: { hideOverlap: true }, axisTick: { show: false } },
    yAxis: { type: "category", data: pools, axisLabel: { width: left - 14, overflow: "truncate" } },
    visualMap: { min: 0, max: 1, calculable: true, orient: "horizontal", left: "center", bottom: 6, inRange: { color: ["#eef3fb", "#9fc0ee", "#2563c9", "#e07b39", "#b42318"] },
      formatter: (value) => `${Math.round(value * 100)}%`, dimension: 2 },
    series: [{ type: "heatmap", name: words("occupancy"), data: cells, label: { show: false }, itemStyle: { borderWidth: 1, borderColor: "#fff" } }],
  }, { height: Math.max(240, 120 + 44 * pools.length) });
}

function shares() {
  const option = axes("share", { gap: true, max: 1 });
  const bars = data.shares.map((share, at) => ({ name: share.pool, type: "bar", stack: "shares", barCategoryGap: "10%", itemStyle: { color: COLORS[at % COLORS.length] }, data: share.mean,
    tooltip: { valueFormatter: (value) => shown(value ?? null, "share") } }));
  chart(say("shares"), say("shares_note"), lines(option, bars, band(words("bot_share"), series("bot_share", ""), "share", "#1d2530", { ceiling: 1 })));
}

function steps() {
  if (!data.steps.length) return;
  const rows = data.steps;
  const left = Math.min(260, 30 + 7 * Math.max(...rows.map((row) => row.name.length)));
  chart(say("steps"), say("steps_note"), {
    grid: { left, right: 60, top: 10, bottom: 30 },
    tooltip: { confine: true, valueFormatter: (value) => shown(value, "contacts") },
    xAxis: { type: "value", axisLabel: { formatter: (value) => brief(value, "contacts") } },
    yAxis: { type: "category", inverse: true, data: rows.map((row) => row.name), axisLabel: { width: left - 14, overflow: "truncate" } },
    series: [{ type: "bar", name: say("steps"), data: rows.map((row) => row.mean), label: { show: true, position: "right", formatter: (each) => shown(each.value, "contacts") } }],
  }, { height: Math.max(200, 60 + 24 * rows.length), wide: rows.length > 14 });
}

function money() {
  if (!data.has_money) return;
  const option = axes("contacts", { gap: true });
  chart(say("money"), say("money_note"), lines(option,
    band(words("lost_sales"), series("lost_sales", ""), "money", COLORS[7]), band(words("staff_cost"), series("staff_cost", ""), "money", COLORS[0])));
}

function worst() {
  if (!data.worst.length) return;
  const measures = ["to_people", "sl_all", "reply_rate", "wait_p95_ms", "abandonment", "queue_length", "occupancy"];
  const box = section(say("worst"), say("worst_note"), true);
  table(box, [say("interval"), ...measures.map(words)], data.worst.map((at) => [data.labels[at],
    ...measures.map((measure) => withHalf(series(measure, "").mean[at], series(measure, "").half[at], unit(measure)))]));
}

function summary() {
  const box = section(say("summary"), say("summary_note", { runs: data.runs, within: span(data.within_ms) }), true);
  table(box, [say("measure"), say("whole"), "08:00–24:00", say("definition")], data.summary.map((row) => [words(row.measure),
    withHalf(...row.whole, unit(row.measure)), withHalf(...row.window, unit(row.measure)), data.measures[row.measure].says[state.lang]]), { long: [3] });
}

function breakdown(dimension, rows) {
  const box = section(say(`by_${dimension}`), "", true);
  table(box, [say(dimension), ...data.columns.map(words)], rows.map((row) => [row.name || "–", ...row.values.map(([mean, half], at) => withHalf(mean, half, unit(data.columns[at])))]));
}

function staff() {
  const box = section(say("by_pool"), say("fairness_note"), true);
  table(box, [say("pool"), ...data.staff_columns.map(words), say("gini_offers"), say("gini_occupancy")], data.staff.map((row) => [row.name,
    ...row.values.map(([mean, half], at) => withHalf(mean, half, unit(data.staff_columns[at]))), ...row.fairness.map((gini) => (gini === null ? "–" : gini.toFixed(3)))]));
}

draw();
