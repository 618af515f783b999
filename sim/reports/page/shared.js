"use strict";
// Names come from scenario and policy files: they only ever reach the page as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const state = { lang: location.hash === "#zh" ? "zh" : location.hash === "#en" ? "en" : data.lang, of: "" };
const COLORS = ["#2563c9", "#e07b39", "#18794e", "#8b5cd6", "#c2410c", "#0e7490", "#a16207", "#be185d", "#4d7c0f", "#475569"];
let charts = [];

const say = (key, fields = {}) => (data.texts[state.lang][key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => fields[name] ?? whole);
const words = (measure) => data.measures[measure].words[state.lang];
const unit = (measure) => data.measures[measure].unit;

function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") made.textContent = value;
    else if (name === "onclick" || name === "onchange") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function shown(value, of) {
  if (value === null || value === undefined) return "–";
  if (of === "share") return `${(value * 100).toFixed(Math.abs(value) < 0.1 ? 2 : 1)} %`;
  if (of === "ms") return span(value);
  if (of === "ratio") return value.toFixed(2);
  const size = Math.abs(value);
  return value.toLocaleString("en", { maximumFractionDigits: size < 10 ? 2 : size < 1000 ? 1 : 0 });
}

function span(ms) {
  const s = Math.abs(ms) / 1000, sign = ms < 0 ? "−" : "";
  if (s < 10) return `${sign}${s.toFixed(2)} s`;
  if (s < 120) return `${sign}${s.toFixed(1)} s`;
  const whole = Math.round(s), minutes = Math.floor(whole / 60);
  const tail = String(whole % 60).padStart(2, "0");
  if (minutes < 60) return `${sign}${minutes}:${tail}`;
  return `${sign}${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${tail}`;
}

const withHalf = (value, half, of) => (value === null ? "–" : half === null ? shown(value, of) : `${shown(value, of)} ± ${shown(half, of)}`);

function section(title, note, wide) {
  const made = element("section", wide ? { class: "wide" } : {}, element("h2", { text: title }));
  if (note) made.append(element("p", { class: "note", text: note }));
  document.getElementById("main").append(made);
  return made;
}

function chart(title, note, option, { wide = false, height = 320 } = {}) {
  const box = section(title, note, wide);
  const place = element("div", { class: "chart", style: `height:${height}px` });
  box.append(place);
  const made = echarts.init(place, null, { renderer: "canvas" });
  const { wide: _wide, ...drawn } = option;
  made.setOption({ animation: false, color: COLORS, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily }, ...drawn });
  charts.push(made);
}

function table(box, heads, rows, { long = [] } = {}) {
  const cell = (tag, value, place) => {
    const [text, kind] = Array.isArray(value) ? value : [value, ""];
    const classes = [long.includes(place) ? "long" : "", kind].filter(Boolean).join(" ");
    return element(tag, classes ? { class: classes, text } : { text });
  };
  const head = element("tr", {}, ...heads.map((text, place) => cell("th", text, place)));
  const body = rows.map((row) => element("tr", {}, ...row.map((value, place) => cell("td", value, place))));
  box.append(element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body))));
}

function axes(of, more = {}) {
  return {
    wide: more.wide,
    grid: { left: 62, right: more.right ?? 24, top: 56, bottom: data.labels.length > 60 ? 66 : 40 },
    tooltip: { trigger: "axis", confine: true },
    legend: { type: "scroll", top: 4, left: 0, right: 0, itemWidth: 18, itemHeight: 10 },
    xAxis: { type: "category", data: data.labels, axisLabel: { hideOverlap: true }, axisTick: { show: false }, boundaryGap: more.gap ?? false },
    yAxis: [yAxis(of, more.max)],
    ...(data.labels.length > 60 ? { dataZoom: [{ type: "slider", height: 18, bottom: 8 }, { type: "inside" }] } : {}),
  };
}

function yAxis(of, max, name) {
  return { type: "value", min: of === "difference" ? undefined : 0, max, name, nameTextStyle: { align: "right" }, splitLine: { lineStyle: { color: "#eceff4" } },
    axisLabel: { formatter: (value) => brief(value, of) } };
}

function brief(value, of) {
  if (of === "share") return `${Math.round(value * 1000) / 10}%`;
  if (of === "ms") return Math.abs(value) < 120000 ? `${Math.round(value / 100) / 10} s` : span(value);
  return Math.abs(value) >= 10000 ? `${Math.round(value / 100) / 10}k` : String(Math.round(value * 100) / 100);
}

// A line and the band of its 95 % interval: two invisible lines with the space between them filled.
function band(name, found, of, color, { floor = 0, ceiling = Infinity, axis = 0 } = {}) {
  const line = { name, type: "line", showSymbol: found.mean.length < 2, data: found.mean, lineStyle: { width: 2 }, itemStyle: { color }, yAxisIndex: axis, z: 3,
    tooltip: { valueFormatter: (value) => shown(value ?? null, of) } };
  if (!found.half.some((half) => half !== null)) return [line];
  const low = found.mean.map((mean, at) => (mean === null ? null : Math.max(floor, mean - (found.half[at] ?? 0))));
  const high = found.mean.map((mean, at) => (mean === null ? null : Math.min(ceiling, mean + (found.half[at] ?? 0))));
  const hidden = { type: "line", symbol: "none", lineStyle: { opacity: 0 }, tooltip: { show: false }, silent: true, yAxisIndex: axis, z: 1, stack: `band ${name}`, stackStrategy: "all" };
  return [line, { ...hidden, name: `${name} low`, data: low },
    { ...hidden, name: `${name} high`, data: high.map((top, at) => (top === null ? null : top - low[at])), areaStyle: { color, opacity: 0.16 } }];
}

// What is short enough stands in full above the chart, in as many lines as it takes; else it scrolls.
const lines = (option, ...bands) => {
  const series = bands.flat();
  const seen = series.filter((one) => !(one.stack ?? "").startsWith("band ")).map((one) => one.name);
  const room = seen.reduce((sum, name) => sum + 34 + [...name].reduce((width, letter) => width + (letter > "\u2e80" ? 12 : 6.4), 0), 0);
  const rows = Math.ceil(room / (option.wide ? 1150 : 520));
  const legend = rows <= 3 ? { ...option.legend, type: "plain", data: seen } : { ...option.legend, data: seen };
  return { ...option, series, legend, grid: { ...option.grid, top: rows <= 3 ? 26 + 22 * rows : 48 } };
};

function languages() {
  return ["zh", "en"].map((lang) => element("button", { type: "button", "aria-pressed": String(state.lang === lang), text: lang === "zh" ? "中文" : "English",
    onclick: () => { state.lang = lang; draw(); } }));
}

function draw() {
  for (const made of charts) made.dispose();
  charts = [];
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  document.getElementById("main").replaceChildren();
  document.getElementById("controls").replaceChildren();
  fill();
}
addEventListener("resize", () => charts.forEach((made) => made.resize()));
