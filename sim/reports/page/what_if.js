// A recorded day under another policy: record, re-creation (A) and what-if (B) side by side.
const found = data.summary;
const SIDES = ["recorded", "a", "b"];
const heads = () => [say("recorded"), say("recreated"), say("new_policy")];
const kind = (of) => say(`kind_${of}`);
const counted = (counts) => Object.entries(counts).map(([what, count]) => `${what} × ${count}`).join(", ") || say("nothing");

function fill() {
  const about = { journal: found.journal, visits: shown(found.visits, "contacts"), span: span(found.span_ms), seed: found.seed, version: found.sluice, ...found.policies };
  if (found.policies.applied > 1) about.recorded += ` (+${found.policies.applied - 1})`;
  document.title = document.getElementById("title").textContent = say("title", { new: found.policies.new });
  document.getElementById("about").textContent = say("about", about);
  document.getElementById("controls").append(...languages());
  cards();
  measures("all", "");
  histogram();
  overTheDay();
  waits();
  for (const dimension of ["tier", "shop"]) byValue(dimension);
  decisions();
  recreation();
  fairness();
  imputed();
  method();
  examples();
}

function signed(value, of) {
  return value === null ? "–" : value > 0 ? `+${shown(value, of)}` : shown(value, of);
}

function verdict(row) {
  const better = data.measures[row.measure].better;
  if (!better || row.low === null || (row.low <= 0 && row.high >= 0)) return "";
  return (better === "more") === row.difference > 0 ? "good" : "bad";
}

function cards() {
  const box = element("div", { class: "cards" });
  for (const measure of ["sl_all", "wait_mean_ms", "wait_p95_ms", "abandonment", "reply_rate"]) {
    const row = found.measures.all[""].find((each) => each.measure === measure);
    if (!row) continue;
    box.append(element("div", { class: "card" }, element("span", { text: words(measure) }), element("b", { text: shown(row.b, unit(measure)) }),
      element("span", { class: verdict(row), text: `${say("difference")}: ${signed(row.difference, unit(measure))}` })));
  }
  const pairs = found.waits.all[""];
  for (const [key, count] of [["shorter", pairs.less], ["longer", pairs.more], ["agent", found.decisions.agent]])
    box.append(element("div", { class: "card" }, element("span", { text: say(key) }), element("b", { text: shown(count, "contacts") }),
      element("span", { text: `/ ${shown(key === "agent" ? found.decisions.both : pairs.pairs, "contacts")}` })));
  document.getElementById("main").append(box);
}

function interval(row, of) {
  return row.low === null ? "–" : `${signed(row.low, of)} … ${signed(row.high, of)}`;
}

function measures(dimension, value) {
  const box = section(say("all"), say("measures_note"), true);
  table(box, [say("measure"), ...heads(), say("difference"), say("interval"), say("definition")], found.measures[dimension][value].map((row) => {
    const of = unit(row.measure);
    return [words(row.measure), ...SIDES.map((side) => shown(row[side], of)), [signed(row.difference, of), verdict(row)], interval(row, of),
      data.measures[row.measure].says[state.lang]];
  }), { long: [6] });
}

function histogram() {
  const edges = data.edges_ms.map((edge) => span(edge));
  const names = [`< ${edges[0]}`, ...edges.slice(1).map((edge, at) => `${edges[at]} … ${edge}`), `> ${edges[edges.length - 1]}`];
  // Bars end at their edge: up to -1 s it is shorter, up to 1 s alike, beyond longer.
  const colors = [...data.edges_ms, Infinity].map((edge) => (edge <= -1000 ? "#18794e" : edge <= 1000 ? "#94a3b8" : "#b42318"));
  chart(say("histogram"), say("histogram_note"), {
    grid: { left: 130, right: 50, top: 8, bottom: 28 },
    tooltip: { confine: true, valueFormatter: (value) => shown(value, "contacts") },
    xAxis: { type: "value", minInterval: 1 },
    yAxis: { type: "category", inverse: true, data: names, axisTick: { show: false }, axisLabel: { interval: 0 } },
    series: [{ type: "bar", name: say("visits"), label: { show: true, position: "right" }, data: data.histogram.map((value, at) => ({ value, itemStyle: { color: colors[at] } })) }],
  }, { height: 340 });
}

function overTheDay() {
  data.labels = data.day.from_ms.map((ms) => span(ms));
  const line = (side, at) => ({ name: heads()[at], type: "line", showSymbol: true, symbolSize: 5, connectNulls: true, data: data.day[side],
    lineStyle: { width: 2, type: side === "recorded" ? "dashed" : "solid" }, itemStyle: { color: [COLORS[9], COLORS[0], COLORS[1]][at] }, tooltip: { valueFormatter: (value) => shown(value ?? null, "ms") } });
  chart(say("day"), say("day_note"), lines(axes("ms"), SIDES.map(line)), { height: 340 });
}

function waits() {
  const box = section(say("waits"), say("waits_note"), true);
  const rows = [["all", ""], ...["tier", "shop"].flatMap((dimension) => Object.keys(found.waits[dimension]).map((value) => [dimension, value]))];
  table(box, ["", say("pairs"), say("shorter"), say("longer"), say("alike"), say("mean_difference"), say("interval")], rows.map(([dimension, value]) => {
    const row = found.waits[dimension][value];
    const sure = row.low !== null && (row.low > 0 || row.high < 0);
    return [dimension === "all" ? say("all") : `${say(dimension)}: ${value || say("none")}`, ...["pairs", "less", "more", "alike"].map((key) => shown(row[key], "contacts")),
      [signed(row.mean_ms, "ms"), sure ? (row.mean_ms < 0 ? "good" : "bad") : ""], interval(row, "ms")];
  }));
}

function byValue(dimension) {
  const chosen = ["sl_all", "wait_mean_ms", "wait_p50_ms", "wait_p90_ms", "wait_p95_ms", "abandonment"];
  const rows = Object.entries(found.measures[dimension]).flatMap(([value, all]) =>
    all.filter((row) => chosen.includes(row.measure)).map((row, at) => {
      const of = unit(row.measure);
      return [at ? "" : value || say("none"), words(row.measure), ...SIDES.map((side) => shown(row[side], of)), [signed(row.difference, of), verdict(row)], interval(row, of)];
    }));
  if (!rows.length) return;
  const box = section(say(`by_${dimension}`), "", true);
  table(box, [say(dimension), say("measure"), ...heads(), say("difference"), say("interval")], rows, { long: [1] });
}

function decisions() {
  const box = section(say("decisions"), say("decisions_note"));
  table(box, [say("decision"), say("visits")], ["both", "agent", "pool", "step", "queue", "outcome"].map((key) => [say(key), shown(found.decisions[key], "contacts")]));
  const ends = section(say("outcomes"), "");
  table(ends, [say("under_a"), say("under_b"), say("visits")], found.outcomes.map((row) => [kind(row.a), kind(row.b), shown(row.visits, "contacts")]), { long: [1] });
}

function recreation() {
  const box = section(say("recreation"), say("recreation_note"));
  const rows = ["both", "agent", "pool", "step", "queue", "outcome"].map((key) => [say(key), shown(found.recreation[key], "contacts")]);
  table(box, [say("decision"), say("visits")], [...rows, [say("wait_off"), shown(found.recreation.wait_off_mean_ms, "ms")]]);
}

function fairness() {
  if (!found.fairness.length) return;
  const box = section(say("fairness"), say("fairness_note"), true);
  const columns = [["offers_spread", "contacts"], ["offers_gini", "ratio"], ["occupancy_mean", "share"], ["occupancy_spread", "share"], ["occupancy_gini", "ratio"]];
  table(box, [say("pools"), say("skills"), say("agents"), ...columns.map(([name]) => say(name))], found.fairness.map((row) => [row.pools, row.skills, row.agents,
    ...columns.map(([name, of]) => SIDES.map((side) => (row[side] ? shown(row[side][name], of) : "–")).join(" / "))]), { long: [1] });
  box.append(element("p", { class: "note", text: heads().join(" / ") }));
}

function imputed() {
  const box = section(say("imputed"), say("imputed_note"));
  table(box, [say("length"), say("observed"), say("drawn"), say("share_drawn"), say("never"), say("strata")], Object.entries(found.lengths).map(([name, row]) => [say(name),
    row.observed, row.drawn, shown(row.observed + row.drawn ? row.drawn / (row.observed + row.drawn) : null, "share"), row.never, counted(row.levels)]), { long: [5] });
  box.append(element("p", { class: "note", text: say("rests", found.rest_on_draws) }));
}

function method() {
  const box = section(say("method"), say("method_note"), true);
  const refused = { a: counted(found.refusals.a), b: counted(found.refusals.b) };
  box.append(element("p", { class: "note", text: `${say("refusals", refused)} ${say("left_out", { left_out: counted(found.left_out) })}` }));
}

function examples() {
  if (!data.examples.length) return;
  section(say("examples"), say("examples_note"), true);
  for (const one of data.examples) {
    const title = [say("contact", one), one.tier, one.shop, one.channel, say(`why_${one.why}`)].filter(Boolean).join(" · ");
    const box = section(title, "", true);
    const sides = element("div", { class: "sides" });
    for (const [side, head] of [["a", say("recreated")], ["b", say("new_policy")]]) {
      const told = one[side];
      const part = element("div", {}, element("h3", { text: head }), element("p", { class: "note", text: say("waited", { waited: shown(told.waited_ms, "ms"), kind: kind(told.kind) }) }));
      const lines = told.story[state.lang] ?? [];
      part.append(lines.length ? element("ol", {}, ...lines.map((text) => element("li", { text }))) : element("p", { class: "note", text: say("not_told") }));
      const why = told.why_not[state.lang] ?? [];
      if (why.length) part.append(element("h3", { text: say("why_not", { agent: one[side === "a" ? "b" : "a"].agent_name }) }), ...why.map((text) => element("p", { class: "note", text })));
      sides.append(part);
    }
    box.append(sides);
  }
}

draw();
