// Two runs of the same customers, B less A. `state.of`: the queue whose intervals are drawn.
function fill() {
  document.title = document.getElementById("title").textContent = say("compared", { a: data.names[0], b: data.names[1] });
  document.getElementById("about").textContent = say("compared_about", { ...data.about, runs: data.runs });
  const choice = element("select", { "aria-label": say("queue"), onchange: (event) => { state.of = event.target.value; draw(); } },
    ...Object.keys(data.series).map((name) => element("option", { value: name, text: name || say("all_queues"), ...(name === state.of ? { selected: "" } : {}) })));
  document.getElementById("controls").append(choice, ...languages());
  overall();
  for (const measure of data.drawn) difference(measure);
  for (const [dimension, rows] of Object.entries(data.tables)) apart(dimension, rows);
}

function verdict(measure, row) {
  if (row.value === null || row.half === null) return ["", ""];
  if (row.half >= Math.abs(row.value)) return [say("no_difference"), ""];
  const better = data.measures[measure].better;
  if (!better) return [say(row.value > 0 ? "more" : "less"), ""];
  return (better === "more") === row.value > 0 ? [say("better"), "good"] : [say("worse"), "bad"];
}

function signed(row, of) {
  if (row.value === null) return "–";
  const text = withHalf(row.value, row.half, of);
  return row.value > 0 ? `+${text}` : text;
}

function overall() {
  const box = section(say("differences"), say("differences_note", { runs: data.runs }), true);
  table(box, [say("measure"), data.names[0], data.names[1], say("difference"), "", "08:00–24:00", ""], data.overall.map((row) => [words(row.measure),
    shown(row.a, unit(row.measure)), shown(row.b, unit(row.measure)), signed(row.whole, unit(row.measure)), verdict(row.measure, row.whole),
    signed(row.window, unit(row.measure)), verdict(row.measure, row.window)]));
}

function difference(measure) {
  const found = data.series[state.of][measure];
  if (!found) return;
  const option = axes(unit(measure));
  option.yAxis = [{ ...yAxis("difference"), axisLabel: { formatter: (value) => brief(value, unit(measure)) } }];
  chart(state.of ? `${words(measure)} · ${state.of}` : words(measure), "", lines(option, band(say("difference"), found, unit(measure), COLORS[0], { floor: -Infinity })));
}

function apart(dimension, rows) {
  const box = section(say(`by_${dimension}`), "", true);
  table(box, [say(dimension), ...data.columns.map(words)], rows.map((row) => [row.name || "–", ...row.values.map((each, at) => {
    const measure = data.columns[at];
    return [signed(each, unit(measure)), verdict(measure, each)[1]];
  })]));
}

draw();
